//! A request's id.

use super::Incoming;

/// A request's id, for the log and the answer.
#[derive(Debug, Clone)]
pub struct RequestId(String);

impl RequestId {
    /// The header and the metadata key that it is in.
    pub const HEADER: &'static str = "x-request-id";
    const LONGEST: usize = 128;

    /// The sender's id where it can be repeated safely in headers and logs; otherwise a fresh one.
    pub fn choose(incoming: &impl Incoming, fresh: impl FnOnce() -> String) -> Self {
        let mut sent = incoming.header(Self::HEADER);
        let safe =
            |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'~' | b':' | b'/' | b'+' | b'=');
        match (sent.next(), sent.next()) {
            // A credential in the wrong header must not get into the log.
            (Some(id), None) if holds(id, b"gwk_") || holds(id, b"eyJ") => Self(fresh()),
            (Some(id), None) if (1..=Self::LONGEST).contains(&id.len()) && id.iter().copied().all(safe) => {
                Self(String::from_utf8_lossy(id).into_owned())
            }
            _ => Self(fresh()),
        }
    }

    /// As it stands in headers.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn holds(id: &[u8], part: &[u8]) -> bool {
    id.windows(part.len()).any(|window| window == part)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::client::tests::Sent;

    #[test]
    fn only_a_harmless_request_id_is_repeated() {
        let chosen = |values: &[&[u8]]| {
            let sent = Sent::new(values.iter().map(|value| (RequestId::HEADER, *value)));
            RequestId::choose(&sent, || "fresh".to_owned()).0
        };
        assert_eq!(chosen(&[b"01HX-abc_1.2~3:4/5+6="]), "01HX-abc_1.2~3:4/5+6=");
        for bad in [&b""[..], b"a b", b"a\tb", b"a\"b", b"<script>", "ü".as_bytes(), &[b'x'; 129]] {
            assert_eq!(chosen(&[bad]), "fresh");
        }
        assert_eq!(chosen(&[b"gwk_0123"]), "fresh");
        assert_eq!(chosen(&[b"eyJhbGciOiJSUzI1NiJ9.eyJ9.c2ln"]), "fresh");
        assert_eq!(chosen(&[]), "fresh");
        assert_eq!(chosen(&[b"a", b"b"]), "fresh");
    }
}
