//! The metrics, as whoever scrapes them sees them.

use reqwest::Method;
use serde_json::json;

use crate::support::{Ask, Caller, TestServer, Wire, on_both};

async fn metrics(app: &TestServer) -> String {
    app.root().get("/metrics").send().await.expect(200).text
}

/// The value of a series; 0 where there is none yet.
fn value(metrics: &str, series: &str) -> f64 {
    let line = metrics.lines().find(|line| line.strip_prefix(series).is_some_and(|rest| rest.starts_with(' ')));
    line.map_or(0.0, |line| line.rsplit_once(' ').unwrap().1.parse().unwrap())
}

#[track_caller]
fn grows(before: &str, after: &str, series: &str, by: f64) {
    let grown = value(after, series) - value(before, series);
    assert!((grown - by).abs() < f64::EPSILON, "{series} grew by {grown} and not by {by}: {after}");
}

async fn denied(caller: &Caller) -> String {
    let answer = caller.get("/metrics").send().await;
    assert!(!answer.text.contains("gatewood_"), "{answer:#?}");
    format!("{} {}", answer.status, answer.code())
}

on_both! {
    async fn strangers_and_tenants_may_not_read_the_metrics_and_viewers_of_the_instance_may(app) {
        assert_eq!(denied(&app.anonymous()).await, "401 unauthenticated");
        let tenant = app.tenant("Acme").await;
        for role in ["admin", "security", "viewer", "pep"] {
            assert_eq!(denied(&app.key(&tenant, role).await).await, "403 forbidden", "{role}");
        }
        assert_eq!(denied(&app.instance_key("pep").await).await, "403 forbidden");
        for role in ["admin", "security", "viewer"] {
            app.instance_key(role).await.get("/metrics").send().await.expect(200);
        }
        let answer = app.root().get("/metrics").header("accept", "image/png").send().await.expect(200);
        let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
        assert_eq!(answer.header("content-type").as_deref(), Some(kind));
        app.root().request(Method::HEAD, "/metrics").send().await.expect(200);
        app.root().get("/metrics?name=x").send().await.expect(400);
    }

    async fn requests_decisions_and_policies_are_counted(app) {
        let before = metrics(&app).await;
        app.root().get("/v1/tenants").send().await.expect(200);
        app.root().get("/v1/tenants/01a201d7-cfe3-7fa3-88ed-32306dd742f6").send().await.expect(404);
        app.anonymous().get("/v1/tenants").send().await.expect(401);
        let after = metrics(&app).await;
        for (series, by) in [
            (r#"gatewood_http_requests_total{route="/v1/tenants",method="GET",status="200"}"#, 1.0),
            (r#"gatewood_http_requests_total{route="/v1/tenants",method="GET",status="401"}"#, 1.0),
            (r#"gatewood_http_requests_total{route="/v1/tenants/{id}",method="GET",status="404"}"#, 1.0),
            (r#"gatewood_http_request_duration_seconds_count{route="/v1/tenants"}"#, 2.0),
            // The second reading of the metrics was decided before it was answered.
            (r#"gatewood_decisions_total{store="gatewood",channel="control",decision="allow"}"#, 3.0),
            (r#"gatewood_decisions_total{store="gatewood",channel="control",decision="deny"}"#, 1.0),
            (r#"gatewood_decision_candidates_count{store="gatewood"}"#, 4.0),
            (r#"gatewood_decision_duration_seconds_count{store="gatewood"}"#, 4.0),
            (r#"gatewood_decision_evaluation_duration_seconds_count{store="gatewood"}"#, 4.0),
            (r#"gatewood_policy_determined_total{store="gatewood",policy="root-everything"}"#, 3.0),
        ] {
            grows(&before, &after, series, by);
        }
        assert!(value(&after, r#"gatewood_store_policies{store="gatewood"}"#) > 10.0, "{after}");
        assert!(value(&after, r#"gatewood_database_connections_limit{pool="read"}"#) > 0.0, "{after}");
        assert!(value(&after, "gatewood_start_time_seconds") > 1.7e9, "{after}");
        let of_gatewood = "gatewood_store_info{store=\"gatewood\"";
        let revisions = after.lines().filter(|line| line.starts_with(of_gatewood)).count();
        assert_eq!(revisions, 1, "{after}");
    }

    async fn calls_of_grpc_are_counted_the_same_on_both_ports(app) {
        let before = metrics(&app).await;
        let method = "zitadel.admin.v1.AdminService/GetOIDCSettings";
        for wire in [Wire::Grpc, Wire::GrpcWeb, Wire::GrpcWebBeside] {
            assert_eq!(app.ask(wire, &app.root(), Ask::Get).await.code, 5);
        }
        assert_eq!(app.ask(Wire::Grpc, &app.anonymous(), Ask::Get).await.code, 16);
        let after = metrics(&app).await;
        grows(&before, &after, &format!(r#"gatewood_grpc_requests_total{{method="{method}",code="5"}}"#), 3.0);
        grows(&before, &after, &format!(r#"gatewood_grpc_requests_total{{method="{method}",code="16"}}"#), 1.0);
        grows(&before, &after, &format!(r#"gatewood_grpc_request_duration_seconds_count{{method="{method}"}}"#), 4.0);
    }

    async fn paths_and_methods_that_clients_make_up_are_no_labels(app) {
        let before = metrics(&app).await;
        for number in 0..20 {
            app.anonymous().get(&format!("/made/up/{number}")).send().await.expect(401);
            app.root().post(&format!("/made.up.Service/Method{number}")).send().await.expect(404);
            let method = Method::from_bytes(format!("BREW{number}").as_bytes()).unwrap();
            app.root().request(method, "/v1/tenants").json(&json!({})).send().await.expect(405);
        }
        let path = format!("/v1/tenants/{}", "x".repeat(50));
        app.root().get(&path).send().await.expect(400);
        let after = metrics(&app).await;
        let of = |route: &str, method: &str, status: u16| {
            format!(r#"gatewood_http_requests_total{{route="{route}",method="{method}",status="{status}"}}"#)
        };
        grows(&before, &after, &of("none", "GET", 401), 20.0);
        grows(&before, &after, &of("none", "POST", 404), 20.0);
        grows(&before, &after, &of("/v1/tenants", "other", 405), 20.0);
        for made_up in ["made", "BREW", "Method", "xxx"] {
            assert!(!after.contains(made_up), "{after}");
        }
    }

    async fn every_metric_that_is_served_is_documented(app) {
        app.root().get("/v1/tenants").send().await.expect(200);
        app.ask(Wire::Grpc, &app.root(), Ask::Get).await;
        let page = std::fs::read_to_string("docs/metrics.md").unwrap();
        let text = metrics(&app).await;
        let served: Vec<(&str, &str)> =
            text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' ')).collect();
        assert!(served.len() > 15, "{text}");
        for (name, kind) in served {
            let total = if kind == "counter" { "_total" } else { "" };
            assert!(page.contains(&format!("| `{name}{total}` | {kind} |")), "{name}");
        }
    }
}
