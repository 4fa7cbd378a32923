//! From when and until when certificates count.

use chrono::NaiveDateTime;
use rustls::pki_types::CertificateDer;

use crate::domain::Timestamp;

/// When a chain of certificates counts: while each of them does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Validity {
    /// Not before this.
    pub(super) from: Timestamp,
    /// Not after this.
    pub(super) until: Timestamp,
}

impl Validity {
    /// The time in which all of the certificates count; `None` when one of them cannot be read.
    pub(super) fn of_all(chain: &[CertificateDer<'_>]) -> Option<Self> {
        let each: Option<Vec<Self>> = chain.iter().map(|certificate| Self::of(certificate)).collect();
        each?
            .into_iter()
            .reduce(|one, other| Self { from: one.from.max(other.from), until: one.until.min(other.until) })
    }

    /// The field `validity` of one certificate (RFC 5280, section 4.1). TLS libraries check it and do
    /// not tell it, so it is read here: for warnings only, nothing is trusted because of it.
    fn of(certificate: &[u8]) -> Option<Self> {
        const INTEGER: u8 = 0x02;
        const SEQUENCE: u8 = 0x30;
        const VERSION: u8 = 0xa0;
        let (whole, _) = element(certificate, SEQUENCE)?;
        let (mut rest, _) = element(whole, SEQUENCE)?;
        if let Some((_version, after)) = element(rest, VERSION) {
            rest = after;
        }
        let (_serial_number, rest) = element(rest, INTEGER)?;
        let (_signature, rest) = element(rest, SEQUENCE)?;
        let (_issuer, rest) = element(rest, SEQUENCE)?;
        let (validity, _) = element(rest, SEQUENCE)?;
        let (from, rest) = time(validity)?;
        let (until, _) = time(rest)?;
        Some(Self { from, until })
    }
}

/// `UTCTime`, whose years are those from 1950 to 2049, or `GeneralizedTime`.
fn time(input: &[u8]) -> Option<(Timestamp, &[u8])> {
    const UTC_TIME: u8 = 0x17;
    const GENERALIZED_TIME: u8 = 0x18;
    const FIRST_OF_THE_CENTURY: &str = "50";
    let text = |digits| std::str::from_utf8(digits).ok();
    let (digits, rest) = if let Some((digits, rest)) = element(input, UTC_TIME) {
        let digits = text(digits)?;
        let century = if digits >= FIRST_OF_THE_CENTURY { "19" } else { "20" };
        (format!("{century}{digits}"), rest)
    } else {
        let (digits, rest) = element(input, GENERALIZED_TIME)?;
        (text(digits)?.to_owned(), rest)
    };
    Some((NaiveDateTime::parse_from_str(&digits, "%Y%m%d%H%M%SZ").ok()?.and_utc(), rest))
}

/// The content of a DER element with this tag (X.690, section 8.1), and what is after it.
fn element(input: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    const LONG: u8 = 0x80;
    let (&found, rest) = input.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = if first < LONG {
        (usize::from(first), rest)
    } else {
        let (bytes, rest) = rest.split_at_checked(usize::from(first - LONG))?;
        let short = (1..=4).contains(&bytes.len());
        (short.then(|| bytes.iter().fold(0, |sum, byte| (sum << 8) | usize::from(*byte)))?, rest)
    };
    (found == tag).then(|| rest.split_at_checked(length))?
}

#[cfg(test)]
mod tests {
    use chrono::{TimeZone, Utc};
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;

    fn certificate(from: i32, until: i32) -> CertificateDer<'static> {
        let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        (params.not_before, params.not_after) = (date_time_ymd(from, 1, 2), date_time_ymd(until, 3, 4));
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().clone()
    }

    fn day(year: i32, month: u32, day: u32) -> Timestamp {
        Utc.with_ymd_and_hms(year, month, day, 0, 0, 0).unwrap()
    }

    #[test]
    fn both_forms_of_time_are_read() {
        for (from, until) in [(1975, 2049), (2020, 2050), (2051, 2999)] {
            let read = Validity::of_all(&[certificate(from, until)]).unwrap();
            assert_eq!(read, Validity { from: day(from, 1, 2), until: day(until, 3, 4) });
        }
    }

    #[test]
    fn a_chain_counts_while_each_of_its_certificates_does() {
        let chain = [certificate(2020, 2040), certificate(2022, 2050), certificate(2010, 2030)];
        assert_eq!(Validity::of_all(&chain).unwrap(), Validity { from: day(2022, 1, 2), until: day(2030, 3, 4) });
    }

    #[test]
    fn what_is_no_certificate_has_no_validity() {
        let whole = certificate(2020, 2040);
        for end in 0..120 {
            assert_eq!(Validity::of(&whole[..end]), None, "{end}");
        }
        for odd in [&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff][..], &[0x30, 0x80], &[0x30, 0x89, 1, 1, 1, 1, 1, 1, 1, 1, 1]]
        {
            assert_eq!(Validity::of(odd), None);
        }
        assert_eq!(Validity::of_all(&[]), None);
        assert_eq!(Validity::of_all(&[whole, CertificateDer::from(vec![0x30, 0])]), None);
    }
}
