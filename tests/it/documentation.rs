//! What the documents say of the code, held against the code.

/// Compares what stands between two marker lines of a page with what the code says.
#[track_caller]
fn holds(path: &str, open: &str, close: &str, document: &str) {
    let page = std::fs::read_to_string(path).unwrap();
    let (before, rest) = page.split_once(open).unwrap();
    let (inside, after) = rest.split_once(close).unwrap();
    let expected = format!("\n{document}\n");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(path, format!("{before}{open}{expected}{close}{after}")).unwrap();
        return;
    }
    assert_eq!(inside, expected, "UPDATE_GOLDEN=1 rewrites it");
}

#[test]
fn the_configuration_page_has_every_key() {
    let open = "<!-- keys: generated from src/config/keys.rs -->\n";
    holds("docs/configuration.md", open, "<!-- /keys -->", &gatewood::config::document());
}

#[test]
fn the_page_of_metrics_has_every_metric() {
    let open = "<!-- metrics: generated from src/telemetry/catalogue.rs -->\n";
    holds("docs/metrics.md", open, "<!-- /metrics -->", &gatewood::telemetry::document());
}

#[test]
fn the_page_of_the_control_plane_has_every_route_with_its_action() {
    let line =
        |route: &gatewood::http::Route| format!("| `{} {}` | `{}` |\n", route.method, route.path, route.action.name);
    let routes: String = gatewood::http::routes().iter().map(line).collect();
    let open = "<!-- routes: generated from src/http/routes.rs -->\n";
    holds("docs/control-plane-api.md", open, "<!-- /routes -->", &format!("| route | action |\n|---|---|\n{routes}"));
}

#[test]
fn the_pages_show_the_example_as_it_ships() {
    let folder = std::path::Path::new("policies/photoflash");
    let source = gatewood::policy::StoreSource::from_folder("photoflash", folder);
    let revision = gatewood::policy::load(&source).unwrap().revision().as_str().to_owned();
    for (path, shown) in
        [("README.md", &revision[..12]), ("docs/decisions.md", &revision), ("docs/authzen.md", &revision)]
    {
        let page = std::fs::read_to_string(path).unwrap();
        assert!(page.contains(shown), "{path} does not show the revision {revision}, which its commands would print");
    }
}
