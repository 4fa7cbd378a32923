//! History: who changed what, and when.

use uuid::Uuid;

use super::{AuditEventId, Caller, Entropy, Invalid, TenantId, Timestamp};

/// Where a change comes from. Nothing is changed without one, and each is for one change.
#[derive(Debug, Clone)]
pub struct Origin {
    id: AuditEventId,
    at: Timestamp,
    actor: String,
    action: &'static str,
    asked: Option<(String, Uuid)>,
}

impl Origin {
    /// A change that a caller asked for: `actor` in the form of [`super::Caller::label`], `action` the
    /// Cedar action that was decided on, with the ids of the request and of the decision.
    #[must_use]
    pub fn by_caller(
        actor: String,
        action: &'static str,
        (request, decision): (String, Uuid),
        at: Timestamp,
        entropy: &Entropy,
    ) -> Self {
        Self { asked: Some((request, decision)), ..Self::by_system(actor, action, at, entropy) }
    }

    /// A change that the service or its command line makes, without a request: `actor` is `system:<what>`.
    #[must_use]
    pub fn by_system(actor: impl Into<String>, action: &'static str, at: Timestamp, entropy: &Entropy) -> Self {
        Self { id: AuditEventId::at(at, entropy), at, actor: actor.into(), action, asked: None }
    }

    /// The id of the event that the change will leave.
    #[must_use]
    pub const fn id(&self) -> AuditEventId {
        self.id
    }

    /// When the change was begun.
    #[must_use]
    pub const fn at(&self) -> Timestamp {
        self.at
    }

    /// Who makes it.
    #[must_use]
    pub fn actor(&self) -> &str {
        &self.actor
    }

    /// The Cedar action that it is.
    #[must_use]
    pub const fn action(&self) -> &'static str {
        self.action
    }

    /// The id of the request, when there was one.
    #[must_use]
    pub fn request(&self) -> Option<&str> {
        self.asked.as_ref().map(|(request, _decision)| request.as_str())
    }

    /// The id of the decision that allowed it, when there was one.
    #[must_use]
    pub fn decision(&self) -> Option<Uuid> {
        self.asked.as_ref().map(|(_request, decision)| *decision)
    }
}

/// A change that was made, as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditEvent {
    /// Its id; ids sort as the events happened.
    pub id: AuditEventId,
    /// When it was made.
    pub at: Timestamp,
    /// Whose thing it was; `None`: the instance's.
    pub tenant: Option<TenantId>,
    /// Who made it, in the form of [`super::Caller::label`], or `system:<what>`.
    pub actor: String,
    /// The Cedar action that it was.
    pub action: String,
    /// What was changed: its type in the Cedar schema, without the namespace.
    pub resource_type: String,
    /// What was changed: its id in the Cedar schema.
    pub resource_id: String,
    /// The id of the request.
    pub request: Option<String>,
    /// The id of the decision that allowed it.
    pub decision: Option<Uuid>,
    /// The fields that changed: `{"<field>": {"from": ..., "to": ...}}`, and `{"changed": true}` for a secret.
    pub changes: serde_json::Map<String, serde_json::Value>,
}

/// Which events a list has. What is `None` does not matter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// The Cedar action.
    pub action: Option<String>,
    /// Who made the change.
    pub actor: Option<String>,
    /// The type of what was changed.
    pub resource_type: Option<String>,
    /// The id of what was changed.
    pub resource_id: Option<String>,
    /// The earliest time.
    pub since: Option<Timestamp>,
    /// The time before which it was.
    pub until: Option<Timestamp>,
}

impl AuditFilter {
    /// Reads the parameters of a query, by their names.
    ///
    /// # Errors
    /// Names the parameter that is empty, too long, or no name or time.
    pub fn parse<'a>(parameter: impl Fn(&'static str) -> Option<&'a str>) -> Result<Self, Invalid> {
        let name = |field| parameter(field).map(|text| schema_name(field, text)).transpose();
        let text = |field, most| parameter(field).map(|text| plain_text(field, text, most)).transpose();
        let time = |field| parameter(field).map(|text| time(field, text)).transpose();
        Ok(Self {
            action: name("action")?,
            actor: text("actor", Caller::LONGEST_LABEL)?,
            resource_type: name("resource_type")?,
            resource_id: text("resource_id", LONGEST_ID)?.map(in_lower_case),
            since: time("since")?,
            until: time("until")?,
        })
    }
}

/// An action or a type of the schema. One that is not in it any more can still be in history.
fn schema_name(field: &str, text: &str) -> Result<String, Invalid> {
    const LONGEST: usize = 64;
    let fits = (1..=LONGEST).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric());
    if fits {
        return Ok(text.to_owned());
    }
    Err(Invalid::new(field, format!("is not a name of the schema: 1 to {LONGEST} letters and digits")))
}

/// The most characters of an id to look for.
const LONGEST_ID: usize = 1024;

/// A text to be compared with stored ones.
fn plain_text(field: &str, text: &str, longest: usize) -> Result<String, Invalid> {
    let length = text.chars().count();
    if !(1..=longest).contains(&length) {
        return Err(Invalid::new(field, format!("has {length} characters; 1 to {longest} are allowed")));
    }
    if text.chars().any(char::is_control) {
        return Err(Invalid::new(field, "has a control character"));
    }
    Ok(text.to_owned())
}

/// A time as RFC 3339 has it, up to the next whole microsecond: a stored time is before the one exactly
/// when it is before the other.
fn time(field: &str, text: &str) -> Result<Timestamp, Invalid> {
    let no_time = || Invalid::new(field, "is not an RFC 3339 time; in a query, `+` is written `%2B`");
    let at = chrono::DateTime::parse_from_rfc3339(text).map_err(|_not_a_time| no_time())?;
    let micros = at.timestamp_micros() + i64::from(at.timestamp_subsec_nanos() % 1000 != 0);
    Timestamp::from_timestamp_micros(micros).ok_or_else(no_time)
}

/// Ids are answered in lower case and may be sent in either.
fn in_lower_case(id: String) -> String {
    Uuid::try_parse(&id).map_or(id.clone(), |uuid| if id.len() == 36 { uuid.as_hyphenated().to_string() } else { id })
}

impl AuditEventId {
    const FRACTIONS: u64 = 4096;
    const MILLIS_AT: u32 = 80;
    const VERSION_AT: u32 = 76;
    const FRACTION_AT: u32 = 64;
    const VARIANT_AT: u32 = 62;

    /// A fresh id of an event at this time. The twelve bits after the milliseconds are their fraction
    /// (RFC 9562, section 6.2, method 3), fine enough for whole microseconds.
    #[must_use]
    pub fn at(at: Timestamp, entropy: &Entropy) -> Self {
        Self::of(at, u64::from_be_bytes(entropy.bytes()))
    }

    /// The lowest id that an event at this time can have.
    #[must_use]
    pub fn lowest_at(at: Timestamp) -> Self {
        Self::of(at, 0)
    }

    /// This id, moved to the microsecond after another one's, if its time does not come after it. Of two
    /// ids of one microsecond chance would say which is the greater one.
    #[must_use]
    pub fn coming_after(self, other: Self) -> Self {
        if self.time() > other.time() {
            return self;
        }
        let (_, random) = self.uuid().as_u64_pair();
        Self::of(other.time() + chrono::TimeDelta::microseconds(1), random)
    }

    /// The time that is in it.
    #[must_use]
    pub fn time(self) -> Timestamp {
        let (high, _random) = self.uuid().as_u64_pair();
        let (millis, fraction) = (high >> (Self::MILLIS_AT - Self::FRACTION_AT), high % Self::FRACTIONS);
        let micros = millis * 1000 + (fraction * 1000).div_ceil(Self::FRACTIONS);
        i64::try_from(micros).ok().and_then(Timestamp::from_timestamp_micros).unwrap_or_default()
    }

    /// What is before 1970 counts as its beginning. Of `random`, 62 bits are used.
    fn of(at: Timestamp, random: u64) -> Self {
        let micros = u64::try_from(at.timestamp_micros()).unwrap_or_default();
        let fraction = micros % 1000 * Self::FRACTIONS / 1000;
        let time = (u128::from(micros / 1000) << Self::MILLIS_AT) | (u128::from(fraction) << Self::FRACTION_AT);
        let kind = (7 << Self::VERSION_AT) | (0b10 << Self::VARIANT_AT);
        Self::new(Uuid::from_u128(time | kind | u128::from(random % (1 << Self::VARIANT_AT))))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(micros: i64) -> Timestamp {
        Timestamp::from_timestamp_micros(micros).unwrap()
    }

    proptest! {
        #[test]
        fn ids_have_their_time_and_sort_by_it(one in 0..4_000_000_000_000_000_i64, by in 1..5000_i64) {
            let entropy = Entropy::system();
            let (earlier, later) = (AuditEventId::at(at(one), &entropy), AuditEventId::at(at(one + by), &entropy));
            prop_assert_eq!((earlier.time(), later.time()), (at(one), at(one + by)));
            prop_assert!(earlier < later && earlier.to_string() < later.to_string());
            prop_assert!(AuditEventId::lowest_at(at(one)) <= earlier && earlier < AuditEventId::lowest_at(at(one + 1)));
            prop_assert_eq!(later.coming_after(earlier), later);
            let moved = earlier.coming_after(later);
            prop_assert!(moved > later);
            prop_assert_eq!(moved.time(), at(one + by + 1));
            let at_once = AuditEventId::at(at(one), &entropy).coming_after(earlier);
            prop_assert_eq!(at_once.time(), at(one + 1));
            prop_assert_eq!(later.uuid().get_version_num(), 7);
            prop_assert_eq!(later.uuid().get_variant(), uuid::Variant::RFC4122);
        }
    }

    fn parse(name: &'static str, value: &'static str) -> Result<AuditFilter, Invalid> {
        AuditFilter::parse(|asked| (asked == name).then_some(value))
    }

    #[test]
    fn a_parameter_that_is_no_good_is_named() {
        for (name, value) in [
            ("action", ""),
            ("action", "Create Tenant"),
            ("action", "Gatewood::Action::\"CreateTenant\""),
            ("resource_type", "*"),
            ("resource_type", "Ténant"),
            ("actor", ""),
            ("actor", "a\nb"),
            ("resource_id", ""),
            ("resource_id", "\0"),
            ("since", ""),
            ("since", "yesterday"),
            ("since", "2026-11-22"),
            ("since", "2026-11-22T00:00:00"),
            ("since", "2026-11-22T00:00:00 01:00"),
            ("until", "2026-13-22T00:00:00Z"),
            ("until", "1763769600"),
        ] {
            assert_eq!(parse(name, value).unwrap_err().field, name, "{value}");
        }
    }

    #[test]
    fn every_caller_can_be_looked_for() {
        let issuer = format!("https://{}", "h".repeat(crate::domain::IssuerUrl::LONGEST - 8));
        let identity = crate::domain::Identity::new(&issuer, &"ü".repeat(crate::domain::User::LONGEST_SUBJECT));
        let user = crate::domain::User::new(Some(crate::domain::TenantId::new(Uuid::nil())), identity.into());
        let label = Caller::User(user.into()).label();
        assert_eq!(label.chars().count(), Caller::LONGEST_LABEL);
        let actor =
            |text: &str| AuditFilter::parse(|name| (name == "actor").then_some(text)).map(|filter| filter.actor);
        assert_eq!(actor(&label).unwrap().as_deref(), Some(label.as_str()));
        assert_eq!(actor(&format!("{label}x")).unwrap_err().field, "actor");
    }

    #[test]
    fn what_is_between_two_microseconds_is_the_later_one() {
        let since = |text| parse("since", text).unwrap().since.unwrap().timestamp_subsec_micros();
        assert_eq!(since("2026-11-22T00:00:00.000001Z"), 1);
        assert_eq!(since("2026-11-22T00:00:00.000001001Z"), 2);
        assert_eq!(since("2026-11-22T01:00:00.9999991+01:00"), 0);
    }

    #[test]
    fn an_id_is_found_in_either_case() {
        let id = |text| parse("resource_id", text).unwrap().resource_id.unwrap();
        assert_eq!(id("0190A5C2-7A3B-7C4D-8E5F-00112233AABB"), "0190a5c2-7a3b-7c4d-8e5f-00112233aabb");
        assert_eq!(id("Some-Other-Id"), "Some-Other-Id");
    }
}
