//! The floor that `scripts/bench` measures the service against: a bare actix handler that answers
//! `GET /` with a fixed JSON text of the size of an OIDC configuration, and for `PUT /` parses the
//! same body as the service and answers the same. Its one argument is the address to listen on.

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

const ANSWER: &str = r#"{"id":"01a201d7-cfe5-7e30-8923-b105d7682aa6","issuer_url":"https://login.example.com","client_id":"gatewood","scopes":["openid"],"created_at":"2026-01-01T00:00:00.405845Z","updated_at":"2026-01-01T00:00:00.405845Z"}"#;

fn answer() -> HttpResponse {
    HttpResponse::Ok().content_type("application/json").body(ANSWER)
}

#[actix_web::main]
async fn main() -> std::io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8089".to_owned());
    let get = || async { answer() };
    let put = |_input: web::Json<Input>| async { answer() };
    HttpServer::new(move || App::new().route("/", web::get().to(get)).route("/", web::put().to(put)))
        .workers(std::thread::available_parallelism().map_or(1, usize::from))
        .bind(address)?
        .run()
        .await
}
