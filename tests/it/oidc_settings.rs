//! `/admin/v1/settings/oidc`: the JSON that ZITADEL's clients send and expect.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Ask, TestServer, Wire, on_both};

const PATH: &str = "/admin/v1/settings/oidc";

fn good() -> Value {
    json!({ "accessTokenLifetime": "43200s", "idTokenLifetime": "0.5s",
        "refreshTokenIdleExpiration": "2592000s", "refreshTokenExpiration": "7776000s" })
}

/// Fails unless it is an error in ZITADEL's dialect.
#[track_caller]
fn is_status(answer: &Answer, status: u16, code: i64) {
    assert_eq!(answer.status, status, "{answer:#?}");
    let body = answer.json();
    assert_eq!(body["code"], code, "{answer:#?}");
    assert!(body["message"].is_string() && body.get("notices").is_none(), "{answer:#?}");
    let detail = &body["details"][0];
    assert_eq!(detail["@type"], "type.googleapis.com/zitadel.v1.ErrorDetail");
    assert!(detail["id"].is_string() && detail["message"].is_string(), "{answer:#?}");
    assert!(answer.header("x-request-id").is_some(), "{answer:#?}");
}

on_both! {
    async fn a_body_that_is_no_lifetimes_is_refused_and_changes_nothing(app) {
        let wrong = [
            "", "s", "1", "1 s", " 1s", "1s ", "1S", "1m", "1h", "1ms", "-1s", "-0.5s", "+1s", "--1s", "0s", "0.0s",
            "-0s", "1e3s", "0x10s", ".5s", "1,5s", "1.0000000001s", "315576000001s", "315576000000.000000001s",
            "99999999999999999999s", "NaNs", "Infinitys", "1.5.5s", "1_000s", "\u{661}s", "1s\u{0}", "PT1H",
        ];
        for text in wrong {
            for field in ["accessTokenLifetime", "idTokenLifetime", "refreshTokenIdleExpiration", "refreshTokenExpiration"] {
                let mut body = good();
                body[field] = text.into();
                let answer = app.root().post(PATH).json(&body).send().await;
                is_status(&answer, 400, 3);
                assert!(answer.text_at("message").contains(field), "{text:?}: {answer:#?}");
            }
        }
        for value in [json!(43200), json!(null), json!(true), json!(["1s"]), json!({"seconds": 1}), json!(1.5)] {
            let mut body = good();
            body["accessTokenLifetime"] = value.clone();
            is_status(&app.root().post(PATH).json(&body).send().await, 400, 3);
        }
        for body in ["", "{", "[]", "\"43200s\"", "null", "{} {}", "{\"accessTokenLifetime\":\"1s\",\"access_token_lifetime\":\"2s\"}", "\u{feff}{}"] {
            is_status(&app.root().post(PATH).raw_json(body).send().await, 400, 3);
        }
        let deep = format!("{{\"x\":{}", "[".repeat(30_000));
        is_status(&app.root().post(PATH).raw_json(deep).send().await, 400, 3);
        is_status(&app.root().post(PATH).raw_json(vec![0xff, 0xfe]).send().await, 400, 3);
        is_status(&app.root().get(PATH).send().await, 404, 5);
    }

    async fn what_the_framework_refuses_is_in_the_dialect_too(app) {
        for method in [Method::DELETE, Method::PATCH, Method::OPTIONS, Method::TRACE] {
            is_status(&app.root().request(method.clone(), PATH).send().await, 501, 12);
            is_status(&app.anonymous().request(method, PATH).send().await, 401, 16);
        }
        for path in ["/admin/v1", "/admin/v1/", "/admin/v1/settings", "/admin/v1/settings/oidc/", "/admin/v1/nothing/at/all"] {
            is_status(&app.root().get(path).send().await, 404, 5);
            is_status(&app.anonymous().get(path).send().await, 401, 16);
        }
        let large = json!({ "x": "x".repeat(70_000) });
        is_status(&app.root().post(PATH).json(&large).send().await, 413, 8);
        is_status(&app.with_key("gwk_no").get(PATH).send().await, 401, 16);
        let two = app.root().with("authorization", "Bearer gwk_other");
        is_status(&two.get(PATH).send().await, 400, 3);
        is_status(&app.root().get(&format!("{PATH}?limit=1")).send().await, 400, 3);
        // Beside it the dialect of /v1 is spoken.
        assert_eq!(app.root().get("/admin/v2").send().await.expect(404).code(), "not_found");
        assert_eq!(app.root().get("/admin/v1x").send().await.expect(404).code(), "not_found");
    }

    async fn names_in_snake_case_unknown_fields_and_any_content_type_are_read(app) {
        let body = json!({ "access_token_lifetime": "43200s", "id_token_lifetime": "43200.000000001s", "newer": {"a": [1]},
            "refreshTokenIdleExpiration": "1.50s", "refreshTokenExpiration": "0315s" });
        let answer = app.root().post(PATH).raw(body.to_string()).send().await.expect(200);
        assert_eq!(answer.text_at("details/sequence"), "1");
        let settings = app.root().get(PATH).send().await.expect(200);
        let at = |name: &str| settings.text_at(&format!("settings/{name}"));
        assert_eq!(at("accessTokenLifetime"), "43200s");
        assert_eq!(at("idTokenLifetime"), "43200.000000001s");
        assert_eq!(at("refreshTokenIdleExpiration"), "1.500s");
        assert_eq!(at("refreshTokenExpiration"), "315s");
    }

    async fn details_tell_the_sequence_both_dates_and_the_instance(app) {
        let made = app.root().post(PATH).json(&good()).send().await.expect(200);
        let mut names: Vec<String> = made.json()["details"].as_object().unwrap().keys().cloned().collect();
        names.sort();
        assert_eq!(names, ["changeDate", "creationDate", "resourceOwner", "sequence"]);
        assert!(made.text_at("details/resourceOwner").parse::<u64>().is_ok(), "{made:#?}");
        assert_eq!(made.text_at("details/creationDate"), made.text_at("details/changeDate"));
        assert!(made.text_at("details/creationDate").ends_with('Z'));
        is_status(&app.root().put(PATH).json(&good()).send().await, 400, 9);
        let mut other = good();
        other["idTokenLifetime"] = "0.6s".into();
        let changed = app.root().put(PATH).json(&other).send().await.expect(200);
        assert_eq!(changed.text_at("details/sequence"), "2");
        assert_eq!(changed.text_at("details/creationDate"), made.text_at("details/creationDate"));
        assert_ne!(changed.text_at("details/changeDate"), made.text_at("details/changeDate"));
        is_status(&app.root().post(PATH).json(&other).send().await, 409, 6);
    }

    async fn of_those_who_add_at_once_one_succeeds(app) {
        let (root, good) = (app.root(), good());
        let adding = (0..8).map(|_| root.post(PATH).json(&good).send());
        let mut statuses: Vec<u16> =
            futures_util::future::join_all(adding).await.iter().map(|answer| answer.status).collect();
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 409, 409, 409, 409, 409, 409, 409]);
        let updating = (1..=8).map(|second| {
            let mut body = good.clone();
            body["accessTokenLifetime"] = format!("{second}s").into();
            let request = root.put(PATH).json(&body);
            async move { request.send().await.expect(200).text_at("details/sequence").parse::<u32>().unwrap() }
        });
        let mut sequences = futures_util::future::join_all(updating).await;
        sequences.sort_unstable();
        assert_eq!(sequences, [2, 3, 4, 5, 6, 7, 8, 9]);
    }

    async fn a_damaged_row_fails_and_says_nothing_about_itself(app) {
        app.root().post(PATH).json(&good()).send().await.expect(200);
        app.database.raw().execute("UPDATE oidc_settings SET id_token = 'hunter2'");
        let answer = app.root().get(PATH).send().await;
        is_status(&answer, 500, 13);
        assert!(!answer.text.contains("hunter2") && !answer.text.contains("oidc_settings"), "{answer:#?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_database_is_away_it_is_unavailable_on_every_wire() {
    let (app, relay) = TestServer::behind_a_relay(Vec::new()).await;
    relay.cut();
    for wire in Wire::ALL {
        let said = app.ask(wire, &app.root(), Ask::Get).await;
        assert_eq!((said.code, said.id.as_deref()), (14, Some("unavailable")), "{wire:?}: {said:?}");
    }
    let answer = app.root().get(PATH).send().await;
    is_status(&answer, 503, 14);
    assert!(answer.header("retry-after").is_some());
    relay.restore();
}
