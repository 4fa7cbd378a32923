//! The issuer that `scripts/bench` has the service trust: it prints `token TOKEN`, a JWT for the
//! subject "bench" with the role root that is good for an hour, and then serves the keys to verify it.
//! Its one argument is the loopback address to listen on, without TLS.

use std::env;
use std::time::{Duration, SystemTime};

use actix_web::{App, HttpServer, web};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256};
use serde_json::json;

type Failure = Box<dyn std::error::Error>;

#[actix_web::main]
#[expect(clippy::print_stdout, reason = "the script reads it")]
async fn main() -> Result<(), Failure> {
    let address = env::args().nth(1).ok_or("the address is missing")?;
    let issuer = format!("http://{address}");
    let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let (x, y) = pair.public_key_raw().get(1..).and_then(|raw| raw.split_at_checked(32)).ok_or("no point")?;
    let base64url = |bytes| BASE64_URL_SAFE_NO_PAD.encode(bytes);
    let keys =
        json!({ "keys": [{ "kty": "EC", "crv": "P-256", "kid": "bench", "x": base64url(x), "y": base64url(y) }] });
    let discovery = json!({ "issuer": issuer, "jwks_uri": format!("{issuer}/keys") });

    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
    let claims = json!({ "iss": issuer, "aud": "bench", "sub": "bench", "roles": ["root"],
        "iat": now.as_secs(), "exp": (now + Duration::from_hours(1)).as_secs() });
    let header = Header { kid: Some("bench".to_owned()), ..Header::new(Algorithm::ES256) };
    println!("token {}", encode(&header, &claims, &EncodingKey::from_ec_der(pair.serialized_der()))?);

    let serve = move || {
        let (discovery, keys) = (discovery.clone(), keys.clone());
        App::new()
            .route("/.well-known/openid-configuration", web::get().to(move || ready(discovery.clone())))
            .route("/keys", web::get().to(move || ready(keys.clone())))
    };
    Ok(HttpServer::new(serve).workers(1).bind(address)?.run().await?)
}

fn ready(document: serde_json::Value) -> std::future::Ready<web::Json<serde_json::Value>> {
    std::future::ready(web::Json(document))
}
