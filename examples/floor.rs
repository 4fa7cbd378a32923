//! The floor that `scripts/bench` measures the service against: a bare actix handler that answers
//! `GET /` with a fixed JSON text of the size of an OIDC configuration, and for `PUT /` parses the
//! same body as the service and answers the same; for `POST /` it parses a question to the native API and
//! answers a fixed decision. Its one argument is the address to listen on.

use actix_web::{App, HttpResponse, HttpServer, web};
use serde::Deserialize;

#[derive(Deserialize)]
#[expect(dead_code, reason = "parsing is what is measured")]
struct Input {
    issuer_url: String,
    client_id: String,
    client_secret: String,
    scopes: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "parsing is what is measured")]
struct Question {
    principal: String,
    action: String,
    resource: String,
    context: serde_json::Value,
}

const ANSWER: &str = r#"{"id":"01a201d7-cfe5-7e30-8923-b105d7682aa6","issuer_url":"https://login.example.com","client_id":"gatewood","scopes":["openid"],"created_at":"2026-01-01T00:00:00.405845Z","updated_at":"2026-01-01T00:00:00.405845Z"}"#;

const DECISION: &str = r#"{"decision":"allow","decision_id":"01a201d7-cfe5-7e30-8923-b105d7682aa6","store":"bench","revision":"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08","determining":[{"id":"p7","effect":"permit","annotations":{"id":"p7"},"file":"bench.cedar","line":16}],"notices":[],"errors":[]}"#;

fn answer() -> HttpResponse {
    HttpResponse::Ok().content_type("application/json").body(ANSWER)
}

#[actix_web::main]
async fn main() -> std::io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8089".to_owned());
    let get = || async { answer() };
    let put = |_input: web::Json<Input>| async { answer() };
    let post =
        |_question: web::Json<Question>| async { HttpResponse::Ok().content_type("application/json").body(DECISION) };
    let routes = move |app: &mut web::ServiceConfig| {
        app.route("/", web::get().to(get)).route("/", web::put().to(put)).route("/", web::post().to(post));
    };
    HttpServer::new(move || App::new().configure(routes))
        .workers(std::thread::available_parallelism().map_or(1, usize::from))
        .bind(address)?
        .run()
        .await
}
