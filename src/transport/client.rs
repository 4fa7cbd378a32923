//! What the headers and the connection say about the client.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;

use super::Incoming;

/// The client's address: the peer's, or, when that is a trusted proxy, the right-most hop of
/// `X-Forwarded-For` that is none. Anybody can write anything into that header, so only what a
/// trusted proxy has added counts. A hop that is needed and cannot be read leaves the address
/// unknown (`0.0.0.0`): to take the proxy's own would let whoever writes nonsense look like it.
pub fn address(peer: Option<IpAddr>, incoming: &impl Incoming, trusted: &[IpNet]) -> IpAddr {
    const UNKNOWN: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    let is_trusted = |address: &IpAddr| trusted.iter().any(|net| net.contains(address));
    let mut address = peer.unwrap_or(UNKNOWN).to_canonical();
    let values: Vec<&[u8]> = incoming.header("x-forwarded-for").collect();
    let mut hops = values.iter().rev().flat_map(|value| value.rsplit(|b| *b == b','));
    while is_trusted(&address) {
        let Some(hop) = hops.next() else { break };
        let read = std::str::from_utf8(hop).ok().and_then(|hop| hop.trim().parse::<IpAddr>().ok());
        match read {
            Some(hop) => address = hop.to_canonical(),
            None => return UNKNOWN,
        }
    }
    address
}

/// What the client calls itself, cut to a sensible length.
pub fn user_agent(incoming: &impl Incoming) -> Option<String> {
    const LONGEST: usize = 256;
    let agent = visible(incoming.header("user-agent").next()?)?;
    Some(agent.chars().take(LONGEST).collect())
}

/// The languages of `Accept-Language`, best first (RFC 9110, section 12.5.4).
pub fn languages(incoming: &impl Incoming) -> Vec<String> {
    const MOST: usize = 10;
    let Some(header) = incoming.header("accept-language").next().and_then(visible) else { return Vec::new() };
    let mut ranked: Vec<(f32, &str)> = header
        .split(',')
        .take(MOST)
        .filter_map(|range| {
            let (tag, parameters) = range.split_once(';').unwrap_or((range, ""));
            let weight = parameters.trim().strip_prefix("q=").map_or(Some(1.0), |q| q.trim().parse().ok())?;
            (weight > 0.0 && tag.trim() != "*").then(|| (weight, tag.trim()))
        })
        .collect();
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
    ranked.into_iter().map(|(_, tag)| tag.to_owned()).collect()
}

/// The value, when it is nothing but visible ASCII and spaces.
fn visible(value: &[u8]) -> Option<&str> {
    let plain = value.iter().all(|b| matches!(b, b' '..=b'~' | b'\t'));
    if plain { std::str::from_utf8(value).ok() } else { None }
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::app::Decided;

    /// Headers without a request around them.
    pub(crate) struct Sent(Vec<(&'static str, Vec<u8>)>);

    impl Sent {
        pub(crate) fn new<'a>(headers: impl IntoIterator<Item = (&'static str, &'a [u8])>) -> Self {
            Self(headers.into_iter().map(|(name, value)| (name, value.to_vec())).collect())
        }
    }

    impl Incoming for Sent {
        fn header<'a>(&'a self, name: &'static str) -> impl Iterator<Item = &'a [u8]> {
            self.0.iter().filter(move |(known, _)| *known == name).map(|(_, value)| value.as_slice())
        }

        fn record(&self, _decided: Arc<Decided>) {}
    }

    fn seen(peer: &str, forwarded: &[&str], trusted: &[&str]) -> String {
        let sent = Sent::new(forwarded.iter().map(|value| ("x-forwarded-for", value.as_bytes())));
        let trusted: Vec<IpNet> = trusted.iter().map(|net| net.parse().unwrap()).collect();
        address(Some(peer.parse().unwrap()), &sent, &trusted).to_string()
    }

    #[test]
    fn a_forwarded_address_counts_only_from_a_trusted_proxy_and_from_the_right() {
        assert_eq!(seen("203.0.113.9", &["10.9.9.9"], &[]), "203.0.113.9");
        assert_eq!(seen("10.0.0.1", &["198.51.100.7"], &["10.0.0.0/8"]), "198.51.100.7");
        assert_eq!(seen("10.0.0.1", &["1.1.1.1, 198.51.100.7, 10.0.0.2"], &["10.0.0.0/8"]), "198.51.100.7");
        assert_eq!(seen("10.0.0.1", &["1.1.1.1", "198.51.100.7"], &["10.0.0.0/8"]), "198.51.100.7");
        for unreadable in ["1.1.1.1, garbage", "203.0.113.9:4711", "unknown", "\u{ff}, garbage", ""] {
            assert_eq!(seen("10.0.0.1", &[unreadable], &["10.0.0.0/8"]), "0.0.0.0", "{unreadable}");
        }
        assert_eq!(seen("10.0.0.1", &["\u{ff}, 203.0.113.9"], &["10.0.0.0/8"]), "203.0.113.9");
        assert_eq!(seen("10.0.0.1", &[], &["10.0.0.0/8"]), "10.0.0.1");
    }

    #[test]
    fn languages_are_read_in_the_order_of_their_weights() {
        let sent = Sent::new([("accept-language", &b"fr;q=0.5, de-AT, *;q=0.1, en;q=0"[..])]);
        assert_eq!(languages(&sent), ["de-AT", "fr"]);
    }
}
