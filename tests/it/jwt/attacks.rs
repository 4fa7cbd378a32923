//! Tokens that somebody made up, changed, or meant for somebody else.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use super::{AUDIENCE, CLIENT, World, bearer, in_a_world, signed_as_written};
use crate::support::TestIssuer;

/// Claims that are good, with root's role, so that whatever gets through would be seen to do harm.
fn good(issuer: &TestIssuer) -> Value {
    let now = chrono::Utc::now().timestamp();
    json!({
        "iss": issuer.url(), "sub": "ann", "aud": AUDIENCE, "iat": now, "exp": now + 300,
        "gatewood": { "roles": ["root"] },
    })
}

fn base64url(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The public key of a JWK as others write it: SPKI in DER, the same in PEM, and the JWK's own text.
fn public_forms(jwk: &Value) -> Vec<Vec<u8>> {
    const P256: &[u8] =
        b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00\x04";
    let member = |name: &str| URL_SAFE_NO_PAD.decode(jwk[name].as_str().unwrap()).unwrap();
    let point = [member("x"), member("y")].concat();
    let der = [P256, &point].concat();
    let lines = STANDARD.encode(&der);
    let lines = lines.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect::<Vec<_>>();
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", lines.join("\n"));
    vec![der, pem.trim_end().as_bytes().to_vec(), pem.into_bytes(), point, jwk.to_string().into_bytes(), Vec::new()]
}

/// HMAC with what everybody knows for a secret, under every name that could pass for it.
fn hmac_with_the_public_key(issuer: &TestIssuer) -> Vec<(String, String)> {
    let key = issuer.key(Algorithm::ES256);
    let mut tokens = Vec::new();
    for (number, secret) in public_forms(&key.jwk).iter().enumerate() {
        let secret = EncodingKey::from_secret(secret);
        for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
            let header = Header { alg: algorithm, ..key.header() };
            let token = jsonwebtoken::encode(&header, &good(issuer), &secret).unwrap();
            tokens.push((format!("{algorithm:?} with the public key in form {number}"), token));
        }
        // The header says what the key is for, and the signature is the HMAC all the same.
        let signed = format!(
            "{}.{}",
            base64url(json!({ "alg": "ES256", "kid": key.kid }).to_string()),
            base64url(good(issuer).to_string())
        );
        let signature = jsonwebtoken::crypto::sign(signed.as_bytes(), &secret, Algorithm::HS256).unwrap();
        tokens.push((
            format!("ES256 over an HMAC with the public key in form {number}"),
            format!("{signed}.{signature}"),
        ));
    }
    tokens
}

/// No signature, or one that is not looked at.
fn unsigned(issuer: &TestIssuer) -> Vec<(String, String)> {
    let genuine = issuer.token(good(issuer));
    let signature = genuine.rsplit_once('.').unwrap().1;
    let mut tokens = Vec::new();
    for alg in ["none", "None", "NONE", "nOnE", ""] {
        let signed =
            format!("{}.{}", base64url(json!({ "alg": alg }).to_string()), base64url(good(issuer).to_string()));
        for signature in ["", "AA", signature] {
            tokens.push((format!("alg `{alg}` with the signature `{signature}`"), format!("{signed}.{signature}")));
        }
    }
    tokens
}

/// A genuine token with something changed.
fn changed(world: &World) -> Vec<(String, String)> {
    let (ours, theirs) = (&world.ours, &world.theirs);
    let genuine = ours.token(json!({ "sub": "ann", "aud": AUDIENCE }));
    let parts: Vec<&str> = genuine.split('.').collect();
    let other = ours.token(json!({ "sub": "bob", "aud": AUDIENCE }));
    let key = ours.key(Algorithm::ES256);
    let claims = base64url(good(ours).to_string());
    let named = |text: &str, token: String| (text.to_owned(), token);
    let header = |changes: Value| {
        let mut header = json!({ "alg": "ES256", "kid": key.kid });
        for (name, value) in changes.as_object().unwrap() {
            header[name] = value.clone();
        }
        signed_as_written(ours, Algorithm::ES256, &header.to_string(), &good(ours).to_string())
    };
    let with_key = |key: &crate::support::SigningKey, kid: Option<&str>| {
        let header = Header { kid: kid.map(str::to_owned), ..key.header() };
        ours.token_with(&header, good(ours), key)
    };
    let (foreign, rsa) = (theirs.key(Algorithm::ES256), ours.key(Algorithm::RS256));
    vec![
        named("other claims", format!("{}.{claims}.{}", parts[0], parts[2])),
        named("another's signature", format!("{}.{}.{}", parts[0], parts[1], other.rsplit_once('.').unwrap().1)),
        named("a signature of zeros", format!("{}.{}.{}", parts[0], parts[1], base64url([0; 64]))),
        named("half a signature", format!("{}.{}.{}", parts[0], parts[1], &parts[2][..42])),
        named("a signature and more", format!("{genuine}AAAA")),
        named("cut", genuine[..genuine.len() - 4].to_owned()),
        named("two parts", format!("{}.{}", parts[0], parts[1])),
        named("four parts", format!("{genuine}.{}", parts[2])),
        named("encrypted", format!("{genuine}.{}.{}", parts[1], parts[2])),
        named("the key of another issuer", with_key(&foreign, Some(&key.kid))),
        named("the key of another issuer under its own name", with_key(&foreign, Some("nobody-knows"))),
        named("the key of another issuer without a name", with_key(&foreign, None)),
        named("a key under the name of another", with_key(&rsa, Some(&key.kid))),
        named("a kid that nobody knows", with_key(&key, Some("nobody-knows"))),
        named("a kid that is a path", with_key(&key, Some("../../../../dev/null"))),
        named("a kid that is too long", with_key(&key, Some(&"k".repeat(300)))),
        named("an algorithm that the key is not for", header(json!({ "alg": "ES384" }))),
        named("an algorithm of another family", header(json!({ "alg": "RS256" }))),
        named("crit", header(json!({ "crit": ["exp"] }))),
        named("b64", header(json!({ "crit": ["b64"], "b64": false }))),
        named("a logout token", header(json!({ "typ": "logout+jwt" }))),
        named("a DPoP proof", header(json!({ "typ": "dpop+jwt" }))),
        named("a kid that is a number", header(json!({ "kid": 7 }))),
        named("its own key in the header", {
            let header = json!({ "alg": "ES256", "jwk": foreign.jwk, "jku": format!("{}/keys", theirs.url()) });
            let signed = format!("{}.{claims}", base64url(header.to_string()));
            let signature = jsonwebtoken::crypto::sign(signed.as_bytes(), &foreign.encoding, Algorithm::ES256).unwrap();
            format!("{signed}.{signature}")
        }),
    ]
}

/// Genuine signatures over claims that are no good.
fn claims(world: &World) -> Vec<(String, String)> {
    let (ours, now) = (&world.ours, chrono::Utc::now().timestamp());
    let (url, long) = (ours.url(), "s".repeat(256));
    let many: Vec<String> = (0..201).map(|n| format!("{n:x}")).collect();
    let mut tokens = Vec::new();
    for (name, values) in [
        (
            "iss",
            vec![json!(null), json!(world.theirs.url()), json!(""), json!([url]), json!(7), json!(format!("{url}/x"))],
        ),
        (
            "iss",
            vec![
                json!(url.replace("https", "HTTPS")),
                json!(format!("{url}?")),
                json!(format!("{url}#")),
                json!(format!("{url}\n")),
            ],
        ),
        (
            "aud",
            vec![
                json!(null),
                json!("somebody"),
                json!(""),
                json!([]),
                json!("GATEWOOD"),
                json!("gatewood "),
                json!(["somebody"]),
            ],
        ),
        (
            "aud",
            vec![json!(7), json!({ "gatewood": true }), json!(["gatewood", 7]), json!([["gatewood"]]), json!(CLIENT)],
        ),
        (
            "exp",
            vec![
                json!(null),
                json!(now - 60),
                json!(0),
                json!(-1),
                json!(true),
                json!((now + 300).to_string()),
                json!(1e300),
            ],
        ),
        ("exp", vec![json!(now * 1000), json!({}), json!([now + 300])]),
        ("nbf", vec![json!(now + 120), json!("x"), json!(-1), json!(1e300)]),
        ("iat", vec![json!(now + 120), json!("x"), json!(-1), json!((now + 3600) * 1000)]),
        (
            "sub",
            vec![
                json!(null),
                json!(""),
                json!(7),
                json!(["ann"]),
                json!({}),
                json!(long),
                json!("a\nb"),
                json!("a\u{1b}[2Jb"),
            ],
        ),
        ("nonce", vec![json!("n"), json!(7)]),
        ("at_hash", vec![json!("h")]),
        ("c_hash", vec![json!("h")]),
        ("typ", vec![json!("ID")]),
        ("token_use", vec![json!("id")]),
        ("events", vec![json!({ "http://schemas.openid.net/event/backchannel-logout": {} })]),
        ("groups", vec![json!(7), json!(["a", 7])]),
        ("gatewood", vec![json!("root"), json!({ "roles": 7 }), json!({ "roles": [["root"]] })]),
        ("scope", vec![json!(["a"])]),
        ("email", vec![json!(7)]),
        // A little that becomes much: thousands of entries in one token.
        ("scope", vec![json!((0..3000).map(|n| format!("{n:x}")).collect::<Vec<_>>().join(" "))]),
        ("groups", vec![json!(many), json!(many.iter().map(|name| (name.clone(), 1)).collect::<BTreeMap<_, _>>())]),
        ("amr", vec![json!(many)]),
        ("aud", vec![json!(many.iter().map(String::as_str).chain([AUDIENCE]).collect::<Vec<_>>())]),
    ] {
        for value in values {
            let mut changed = good(ours);
            changed[name] = value.clone();
            let shown = value.to_string();
            tokens.push((format!("`{name}` is {}", &shown[..shown.len().min(60)]), ours.token(changed)));
        }
    }
    tokens
}

/// Genuine signatures over texts that are no claims, or are read differently by different readers.
fn texts(issuer: &TestIssuer) -> Vec<(String, String)> {
    let claims = good(issuer).to_string();
    let header = json!({ "alg": "ES256", "kid": issuer.key(Algorithm::ES256).kid }).to_string();
    let sign = |header: &str, claims: &str| signed_as_written(issuer, Algorithm::ES256, header, claims);
    let inside = |more: &str| claims.replacen('{', &format!("{{{more},"), 1);
    vec![
        ("a claim twice".to_owned(), sign(&header, &inside(r#""sub":"bob""#))),
        ("a claim twice, escaped".to_owned(), sign(&header, &inside(r#""s\u0075b":"bob""#))),
        ("a claim within claims twice".to_owned(), sign(&header, &inside(r#""x":{"a":1,"a":2}"#))),
        ("alg twice".to_owned(), sign(&header.replacen('{', r#"{"alg":"none","#, 1), &claims)),
        ("deep nesting".to_owned(), sign(&header, &inside(&format!(r#""x":{}1{}"#, "[".repeat(500), "]".repeat(500))))),
        ("two texts".to_owned(), sign(&header, &format!("{claims}{claims}"))),
        ("a list".to_owned(), sign(&header, &format!("[{claims}]"))),
        ("no JSON".to_owned(), sign(&header, "sub=ann")),
        ("nothing".to_owned(), sign(&header, "")),
        ("a token within a token".to_owned(), sign(&header, &format!("\"{}\"", issuer.token(good(issuer))))),
        ("a header that is no object".to_owned(), sign("[]", &claims)),
    ]
}

in_a_world! {
    async fn no_token_that_is_no_good_is_told_from_another(world) {
        let tenant = world.tenant("Acme").await;
        let nonsense = bearer(&world.app, "nonsense").get("/v1/whoami").send().await.expect(401);
        assert_eq!(nonsense.code(), "unauthenticated");
        world.of_ours(json!({})).get("/v1/whoami").send().await.expect(200);
        let mut all = unsigned(&world.ours);
        all.extend(hmac_with_the_public_key(&world.ours));
        all.extend(changed(&world));
        all.extend(claims(&world));
        all.extend(texts(&world.ours));
        for (what, token) in &all {
            let caller = bearer(&world.app, token);
            for answer in [
                caller.get("/v1/whoami").send().await,
                caller.about(&tenant).get("/v1/oidc-config").send().await,
            ] {
                assert_eq!((answer.status, &answer.text), (401, &nonsense.text), "{what}: {answer:?}");
                assert!(answer.header("www-authenticate").is_some(), "{what}");
            }
        }
        assert!(all.len() > 100, "{}", all.len());
    }

    async fn a_token_that_is_too_long_is_refused_unread(world) {
        let of_length = |length: usize| world.ours.token(json!({ "sub": "ann", "aud": AUDIENCE, "x": "x".repeat(length) }));
        bearer(&world.app, &of_length(11_000)).get("/v1/whoami").send().await.expect(200);
        bearer(&world.app, &of_length(13_000)).get("/v1/whoami").send().await.expect(401);
        // The server reads no header of this size, so it may close the connection while it is being sent;
        // hence a connection that nobody else uses.
        let request = reqwest::Client::new().get(format!("{}/v1/whoami", world.app.base));
        let huge = request.header("authorization", format!("Bearer {}", of_length(1024 * 1024))).send().await;
        assert!(huge.is_err() || huge.is_ok_and(|answer| answer.status() == 431));
        world.of_ours(json!({})).get("/v1/whoami").send().await.expect(200);
    }

    async fn unknown_kids_and_strangers_do_not_make_the_service_call_anybody_again(world) {
        world.tenant("Acme").await;
        world.of_ours(json!({})).get("/v1/whoami").send().await.expect(200);
        let (key, asked) = (world.ours.key(Algorithm::ES256), world.ours.requests());
        for number in 0..40 {
            let header = Header { kid: Some(format!("made-up-{number}")), ..key.header() };
            let token = world.ours.token_with(&header, json!({ "sub": "ann", "aud": AUDIENCE }), &key);
            bearer(&world.app, &token).get("/v1/whoami").send().await.expect(401);
        }
        assert!(world.ours.requests() <= asked + 2, "{} requests", world.ours.requests() - asked);
        // Neither an issuer that is trusted nor a key is asked about for a token that is for somebody else.
        let stranger = TestIssuer::start().await;
        for number in 0..20 {
            let claims = json!({ "iss": format!("{}/{number}", stranger.url()), "sub": "eve", "aud": AUDIENCE });
            bearer(&world.app, &stranger.token(claims)).get("/v1/whoami").send().await.expect(401);
            let claims = json!({ "iss": world.theirs.url(), "sub": "eve", "aud": format!("somebody-{number}") });
            bearer(&world.app, &stranger.token(claims)).get("/v1/whoami").send().await.expect(401);
        }
        assert_eq!((stranger.connections(), world.theirs.connections()), (0, 0));
    }
}
