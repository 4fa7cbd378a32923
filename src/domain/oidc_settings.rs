//! How long the tokens of the instance live.

use std::fmt;
use std::time::Duration;

use super::{Invalid, Timestamp};

/// How long a token lives: more than nothing, at most what a protobuf `Duration` holds, to the nanosecond.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lifetime(Duration);

impl Lifetime {
    /// What a protobuf `Duration` holds at most: 315,576,000,000 s, which is 10,000 years.
    const LONGEST: Duration = Duration::from_hours(87_660_000);

    /// Reads the two parts of a protobuf `Duration`: seconds and nanoseconds of the same sign.
    ///
    /// # Errors
    /// When it is no duration, not greater than zero, or longer than 315576000000 s.
    pub fn parse(field: &str, seconds: i64, nanos: i32) -> Result<Self, Invalid> {
        let refused = |reason: &str| Err(Invalid::new(field, reason));
        if nanos.unsigned_abs() > 999_999_999 {
            return refused("is no duration: its nanoseconds must be within one second");
        }
        if seconds.signum() * i64::from(nanos.signum()) < 0 {
            return refused("is no duration: its seconds and nanoseconds must have the same sign");
        }
        let (Ok(seconds), Ok(nanos)) = (u64::try_from(seconds), u32::try_from(nanos)) else {
            return refused("is negative; it must be greater than zero");
        };
        Self::checked(Duration::new(seconds, nanos)).ok_or_else(|| {
            let rule = if seconds == 0 { "is zero; it must be greater" } else { "is longer than 315576000000s" };
            Invalid::new(field, rule)
        })
    }

    fn checked(duration: Duration) -> Option<Self> {
        (!duration.is_zero() && duration <= Self::LONGEST).then_some(Self(duration))
    }

    /// Reads the JSON of a protobuf `Duration`: decimal seconds with at most nine digits after the
    /// point and an `s`, like `43200s` or `0.5s`.
    ///
    /// # Errors
    /// As for [`Lifetime::parse`].
    pub fn parse_text(field: &str, text: &str) -> Result<Self, Invalid> {
        let (seconds, nanos) = parts_of(text).ok_or_else(|| {
            let rule = "is no duration: it must be decimal seconds with at most nine digits after the point and an \
                        `s`, like \"43200s\"";
            Invalid::new(field, rule)
        })?;
        Self::parse(field, seconds, nanos)
    }

    /// Reads what [`Display`](fmt::Display) writes.
    #[must_use]
    pub fn from_stored(text: &str) -> Option<Self> {
        Self::parse_text("", text).ok()
    }

    /// Its length.
    #[must_use]
    pub const fn duration(self) -> Duration {
        self.0
    }

    /// Its length in whole milliseconds, rounded up: a policy that says "at most 24 hours" must not
    /// let through what is a nanosecond longer.
    #[must_use]
    pub fn millis_rounded_up(self) -> i64 {
        i64::try_from(self.0.as_nanos().div_ceil(1_000_000)).unwrap_or(i64::MAX)
    }
}

/// Seconds and nanoseconds. More seconds than there is a number for are as many as there is one for.
fn parts_of(text: &str) -> Option<(i64, i32)> {
    let number = text.strip_suffix('s')?;
    let (negative, number) = number.strip_prefix('-').map_or((false, number), |rest| (true, rest));
    let (seconds, fraction) = match number.split_once('.') {
        Some((_, "")) => return None,
        Some(parts) => parts,
        None => (number, ""),
    };
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if seconds.is_empty() || !digits(seconds) || !digits(fraction) || fraction.len() > 9 {
        return None;
    }
    let nanos: i32 = format!("{fraction:0<9}").parse().ok()?;
    let seconds = seconds.parse().unwrap_or(i64::MAX);
    Some(if negative { (-seconds, -nanos) } else { (seconds, nanos) })
}

impl fmt::Display for Lifetime {
    /// Decimal seconds without trailing zeros, like `43200s` or `0.5s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.as_secs())?;
        if self.0.subsec_nanos() != 0 {
            let fraction = format!("{:09}", self.0.subsec_nanos());
            write!(f, ".{}", fraction.trim_end_matches('0'))?;
        }
        f.write_str("s")
    }
}

/// How long each kind of token lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenLifetimes {
    /// An access token.
    pub access_token: Lifetime,
    /// An ID token.
    pub id_token: Lifetime,
    /// A refresh token that is not used.
    pub refresh_token_idle: Lifetime,
    /// A refresh token, used or not.
    pub refresh_token: Lifetime,
}

impl TokenLifetimes {
    /// Reads the four in the order of the fields, each with `read` under the name that JSON has for it.
    ///
    /// # Errors
    /// The first that is missing or no lifetime.
    pub fn parse<T>(
        sent: [Option<T>; 4],
        read: impl Fn(&str, T) -> Result<Lifetime, Invalid>,
    ) -> Result<Self, Invalid> {
        let lifetime = |field: &str, value: Option<T>| {
            let value = value.ok_or_else(|| Invalid::new(field, "is missing; all four lifetimes must be set"))?;
            read(field, value)
        };
        let [access_token, id_token, refresh_token_idle, refresh_token] = sent;
        Ok(Self {
            access_token: lifetime("accessTokenLifetime", access_token)?,
            id_token: lifetime("idTokenLifetime", id_token)?,
            refresh_token_idle: lifetime("refreshTokenIdleExpiration", refresh_token_idle)?,
            refresh_token: lifetime("refreshTokenExpiration", refresh_token)?,
        })
    }

    /// Each by the name that policies and history have for it.
    #[must_use]
    pub const fn named(self) -> [(&'static str, Lifetime); 4] {
        [
            ("access_token_lifetime", self.access_token),
            ("id_token_lifetime", self.id_token),
            ("refresh_token_idle_expiration", self.refresh_token_idle),
            ("refresh_token_expiration", self.refresh_token),
        ]
    }
}

/// The settings as they are stored: one object for the whole instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OidcSettings {
    /// The lifetimes.
    pub lifetimes: TokenLifetimes,
    /// Grows with every change; begins at 1.
    pub sequence: u64,
    /// When they were made.
    pub created_at: Timestamp,
    /// When they were last changed.
    pub changed_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn reason(seconds: i64, nanos: i32) -> String {
        Lifetime::parse("x", seconds, nanos).unwrap_err().reason
    }

    #[test]
    fn what_is_no_lifetime_is_refused_with_the_rule() {
        for (seconds, nanos, rule) in [
            (0, 0, "is zero"),
            (-1, 0, "is negative"),
            (0, -1, "is negative"),
            (i64::MIN, 0, "is negative"),
            (1, -1, "same sign"),
            (-1, 1, "same sign"),
            (1, 1_000_000_000, "within one second"),
            (1, i32::MIN, "within one second"),
            (315_576_000_001, 0, "longer than"),
            (315_576_000_000, 1, "longer than"),
            (i64::MAX, 999_999_999, "longer than"),
        ] {
            assert!(reason(seconds, nanos).contains(rule), "{seconds} {nanos}: {}", reason(seconds, nanos));
        }
        assert!(Lifetime::parse("x", 315_576_000_000, 0).is_ok());
        assert!(Lifetime::parse("x", 0, 1).is_ok());
    }

    #[test]
    fn a_nanosecond_too_much_is_a_millisecond_too_much_for_a_policy() {
        let day = 86_400_000;
        assert_eq!(Lifetime::parse("x", 86_400, 0).unwrap().millis_rounded_up(), day);
        assert_eq!(Lifetime::parse("x", 86_400, 1).unwrap().millis_rounded_up(), day + 1);
        assert_eq!(Lifetime::parse("x", 0, 1).unwrap().millis_rounded_up(), 1);
    }

    #[test]
    fn a_stored_text_that_is_no_lifetime_is_not_read() {
        for bad in [
            "",
            "s",
            "1",
            "-1s",
            "+1s",
            "0s",
            "1.0000000001s",
            "1e3s",
            "1.s",
            ".5s",
            "1.s2",
            " 1s",
            "315576000000.1s",
            "1.-5s",
        ] {
            assert_eq!(Lifetime::from_stored(bad), None, "{bad}");
        }
        assert_eq!(Lifetime::from_stored("0.5s").unwrap().to_string(), "0.5s");
    }

    proptest! {
        #[test]
        fn every_lifetime_is_stored_exactly(seconds in 0_i64..=315_576_000_000, nanos in 0_i32..1_000_000_000) {
            if let Ok(lifetime) = Lifetime::parse("x", seconds, nanos) {
                prop_assert_eq!(Lifetime::from_stored(&lifetime.to_string()), Some(lifetime));
            }
        }
    }
}
