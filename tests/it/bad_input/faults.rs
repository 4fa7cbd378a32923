//! A handler that panics, and a router without what it needs.

use actix_web::middleware::from_fn;
use actix_web::{App, HttpResponse};
use gatewood::app::service::ReadHealth;
use gatewood::http::{Permitted, Problem, observe, routes};
use serde_json::Value;

use super::is_problem;
use crate::support::{Backend, TestServer, Tweaks};

async fn boom(_call: Permitted<ReadHealth>) -> Result<HttpResponse, Problem> {
    panic!("hunter2")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_is_answered_500_with_the_request_id_and_the_server_lives_on() {
    let mut tweaks = Tweaks::default();
    tweaks.ambient.routes = tweaks.ambient.routes.get("/boom", boom);
    let app = TestServer::start_with(Backend::Sqlite, tweaks).await;
    for n in 0..5 {
        let id = format!("request-{n}");
        let answer = app.anonymous().with("x-request-id", &id).get("/boom").send().await.expect(500);
        is_problem(&answer);
        assert_eq!(answer.code(), "internal");
        assert_eq!(answer.header("x-request-id").unwrap(), id);
        assert!(!answer.text.contains("hunter2") && !answer.text.contains("panic"), "{answer:#?}");
        app.root().get("/v1/whoami").send().await.expect(200);
    }
}

#[actix_web::test]
async fn a_router_without_its_state_answers_500_everywhere() {
    let table = routes();
    let bare = actix_web::test::init_service(App::new().configure(|config| table.register(config))).await;
    let table = routes();
    let observed = App::new().configure(|config| table.register(config)).wrap(from_fn(observe));
    let observed = actix_web::test::init_service(observed).await;
    let paths = table.iter().map(|route| (route.method.clone(), route.path.replace("{id}", "x")));
    let others = [
        (actix_web::http::Method::GET, "/nowhere".to_owned()),
        (actix_web::http::Method::TRACE, "/healthz".to_owned()),
    ];
    for (method, path) in paths.chain(others) {
        let request = || actix_web::test::TestRequest::default().method(method.clone()).uri(&path).to_request();
        let answer = actix_web::test::call_service(&bare, request()).await;
        assert_eq!(answer.status().as_u16(), 500, "{method} {path}");
        let answer = actix_web::test::call_service(&observed, request()).await;
        assert_eq!(answer.status().as_u16(), 500, "{method} {path}");
        let body: Value = actix_web::test::read_body_json(answer).await;
        let code = if path.starts_with("/admin/v1") { &body["details"][0]["id"] } else { &body["code"] };
        assert_eq!(code, "internal");
    }
}
