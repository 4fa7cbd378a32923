//! Origins of web pages.

use std::fmt;

use url::Url;

use super::invalid::{Invalid, quoted};

/// Where a web page is from, as a browser says it in the header `Origin` (RFC 6454, section 6.2):
/// scheme, host and port, in lower case, without the scheme's own port and without a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebOrigin(String);

impl WebOrigin {
    /// Reads an origin. It has to be written as a browser writes it, since that is what it is compared with.
    ///
    /// # Errors
    /// Says what an origin is, and how this one would be written where that can be known.
    pub fn parse(field: &str, text: &str) -> Result<Self, Invalid> {
        let refused = |reason: String| Err(Invalid::new(field, reason));
        if text.contains('*') {
            return refused(format!(
                "has {}, and wildcards are not accepted: credentials are headers here, which any page can send, but \
                 with a wildcard every page that somebody inside of the network opens becomes a caller from there; \
                 name each origin",
                quoted(text)
            ));
        }
        if text.contains('@') {
            return refused("has an origin with a user or a password in it; an origin has neither".to_owned());
        }
        let Some(written) = Url::parse(text).ok().filter(is_of_the_web).map(|url| url.origin().ascii_serialization())
        else {
            return refused(format!(
                "has {}, which is no origin; one is a scheme (http or https), a host and perhaps a port",
                quoted(text)
            ));
        };
        if written == text {
            Ok(Self(written))
        } else {
            refused(format!("has {}, which no browser sends as an origin; it sends `{written}`", quoted(text)))
        }
    }

    /// The origin, as the header has it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for WebOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_of_the_web(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https") && url.has_host()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        WebOrigin::parse("origins", text).unwrap_err().reason
    }

    #[test]
    fn an_origin_is_accepted_as_browsers_send_it() {
        for text in
            ["https://console.example", "http://localhost:5173", "https://[::1]:8443", "https://xn--bcher-kva.example"]
        {
            assert_eq!(WebOrigin::parse("origins", text).unwrap().as_str(), text);
        }
    }

    #[test]
    fn what_no_browser_sends_is_refused_with_what_it_would_send() {
        for (text, sent) in [
            ("https://Console.example", "https://console.example"),
            ("https://console.example/", "https://console.example"),
            ("https://console.example:443", "https://console.example"),
            ("http://console.example:80/a?b#c", "http://console.example"),
            ("https://bücher.example", "https://xn--bcher-kva.example"),
        ] {
            let text = refused(text);
            assert!(text.ends_with(&format!("it sends `{sent}`")), "{text}");
        }
    }

    #[test]
    fn what_is_no_origin_is_refused_with_what_one_is() {
        for text in ["console.example", "null", "https://", "ftp://console.example", "file:///index.html", "//a", ":"] {
            assert!(refused(text).contains("a scheme (http or https), a host"), "{text}");
        }
    }

    #[test]
    fn a_wildcard_is_refused_with_its_reason() {
        for text in ["*", "https://*.example", "https://*"] {
            assert!(refused(text).contains("wildcards are not accepted: credentials are headers"), "{text}");
        }
    }

    #[test]
    fn a_password_is_not_repeated() {
        let text = refused("https://me:hunter2@console.example");
        assert!(text.contains("a user or a password") && !text.contains("hunter2"), "{text}");
    }
}
