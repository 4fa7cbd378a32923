//! What the documents say of the code, held against the code.

const OPEN: &str = "<!-- keys: generated from src/config/keys.rs -->\n";
const CLOSE: &str = "<!-- /keys -->";

#[test]
fn the_configuration_page_has_every_key() {
    let path = "docs/configuration.md";
    let page = std::fs::read_to_string(path).unwrap();
    let (before, rest) = page.split_once(OPEN).unwrap();
    let (keys, after) = rest.split_once(CLOSE).unwrap();
    let expected = format!("\n{}\n", gatewood::config::document());
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(path, format!("{before}{OPEN}{expected}{CLOSE}{after}")).unwrap();
        return;
    }
    assert_eq!(keys, expected, "UPDATE_GOLDEN=1 rewrites it");
}
