//! Every key there is.

/// One key of the configuration.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// Its name in the file, with a dot where it stands in a table.
    pub name: &'static str,
    /// Whether there is a flag, `--` and the name with hyphens.
    pub flag: bool,
    /// What holds when nobody says anything; `None`: nothing does.
    pub default: Option<&'static str>,
    /// Whether its value must not be shown.
    pub secret: bool,
    /// What is accepted, for error texts.
    pub accepts: &'static str,
    /// What it is for.
    pub doc: &'static str,
}

impl Key {
    /// Its environment variable: `GATEWOOD_` and the name in capitals, with `_` for the dot.
    #[must_use]
    pub fn variable(&self) -> String {
        format!("GATEWOOD_{}", self.name.replace('.', "_").to_uppercase())
    }

    /// The key of this name.
    #[must_use]
    pub fn find(name: &str) -> Option<&'static Self> {
        KEYS.iter().find(|key| key.name == name)
    }
}

const fn key(name: &'static str, default: Option<&'static str>, accepts: &'static str, doc: &'static str) -> Key {
    Key { name, flag: false, default, secret: false, accepts, doc }
}

const fn flag(key: Key) -> Key {
    Key { flag: true, ..key }
}

const fn secret(key: Key) -> Key {
    Key { secret: true, ..key }
}

const ADDRESS: &str = "an address and a port, like 127.0.0.1:8080 or [::1]:8080";
const ENCRYPTION_KEY: &str = "the standard base64 of 32 bytes, or id:base64[,id:base64...] with the primary key first";
const ORIGINS: &str = "a list of origins, like https://console.example.com, http://localhost:5173";
const NETWORKS: &str = "a list of networks, like 10.0.0.0/8, 192.0.2.7/32";
const CLAIM: &str = "the name of a claim, or a JSON pointer to one within others, like /realm_access/roles";
const BYTES: &str = "a number of bytes, like 500kB or 100MiB, that is not zero";
const DURATION: &str = "a duration, like 500ms, 10s or 2m";

/// Every key, in the order in which they are documented.
pub const KEYS: &[Key] = &[
    flag(key(
        "listen",
        Some("127.0.0.1:8080"),
        ADDRESS,
        "Where HTTP is served. Anything but a loopback address is logged as a warning while TLS is off.",
    )),
    flag(key("grpc_listen", Some("127.0.0.1:8081"), ADDRESS, "Where gRPC is served, and gRPC-Web over HTTP/1.1 too.")),
    flag(key(
        "database_url",
        Some("sqlite://gatewood.db"),
        crate::domain::DatabaseUrl::ACCEPTED,
        "Where the data is kept. An SQLite file is made when it is not there.",
    )),
    flag(key(
        "policies",
        None,
        "a folder that exists",
        "The folder of policy stores; the control plane's is its subfolder `gatewood`. When nobody says, `./policies` if it exists, else the policies that the binary was built with.",
    )),
    flag(key(
        "schema",
        None,
        "a file that exists",
        "The control plane's schema. When nobody says, `./schema.cedarschema` if `./policies/gatewood` is used too, else the schema that the binary was built with.",
    )),
    flag(key(
        "control_policies",
        Some("auto"),
        "auto or embedded",
        "`auto` takes the control plane's policies from the folder where it has some, and refuses to fall back to the embedded ones on a database that was ever used with a folder. `embedded` takes the embedded ones, as long as it says so.",
    )),
    secret(key(
        "root_api_key",
        None,
        "a key that `gatewood keys generate` printed",
        "A root key that is to exist. It is added when it is not there; once revoked, it stays revoked.",
    )),
    key("root_api_key_file", None, "a file that exists", "The same, in a file."),
    secret(key(
        "encryption_key",
        None,
        ENCRYPTION_KEY,
        "The keys that seal stored secrets: the first seals, all of them open. Needed on PostgreSQL; on SQLite one is made beside the database when there is none.",
    )),
    key("encryption_key_file", None, "a file that exists", "The same, in a file."),
    key(
        "issuers",
        Some("[]"),
        "a list of tables, each with `issuer` and `audience`",
        "The issuers of JWTs that the instance itself trusts: `[[issuers]]` in the file, JSON in the environment. [authentication.md](authentication.md#issuers-of-the-instance) has its fields.",
    ),
    key(
        "database.connections",
        Some("8"),
        "a number from 1 to 500",
        "How many connections to PostgreSQL; on SQLite, how many readers at most beside the one writer (no more than there are processors). One more is kept apart, to look whether a right was taken away.",
    ),
    key("database.wait", Some("2s"), DURATION, "How long a request waits for the database before it is answered 503."),
    key(
        "server.workers",
        Some("0"),
        "a number from 0 to 256",
        "How many threads serve HTTP; 0: as many as there are processors.",
    ),
    key(
        "server.body_timeout",
        Some("10s"),
        DURATION,
        "How long a request's body may take to arrive before it is answered 408.",
    ),
    key(
        "server.drain_timeout",
        Some("20s"),
        DURATION,
        "How long accepted requests may take to finish after SIGTERM or SIGINT.",
    ),
    key(
        "server.public_url",
        None,
        "an http or https URL without user, query and fragment, like https://gatewood.example.com",
        "Where clients reach HTTP, for URLs in answers (AuthZEN's metadata), which are never made of what a request says. AuthZEN wants `https`. When nobody says, the scheme and the address that is listened on.",
    ),
    key(
        "server.trusted_proxies",
        Some(""),
        NETWORKS,
        "Whose `X-Forwarded-For` counts: `request.ip` is then the right-most hop that is none of them, or `0.0.0.0` where that hop cannot be read.",
    ),
    key(
        "server.cors_origins",
        Some(""),
        ORIGINS,
        "Which web pages may call the service from a browser, by their origins. Empty: none, and no answer has a CORS header.",
    ),
    key(
        "tls.cert",
        None,
        "a file that exists",
        "The server's certificate in PEM, followed by its intermediates. With it and `tls.key` both ports speak TLS only; without them, neither does. Read again when it changes.",
    ),
    key(
        "tls.key",
        None,
        "a file that exists",
        "The certificate's private key in PEM: PKCS#8, PKCS#1 or SEC1, not encrypted. Read again when it changes.",
    ),
    key(
        "tls.client_ca",
        None,
        "a file that exists",
        "Certificates of authorities in PEM. When set, only clients with a certificate that one of them has signed are let in (mTLS). Read again when it changes.",
    ),
    key(
        "oidc.allowed_networks",
        Some(""),
        NETWORKS,
        "The instance's issuers may have these addresses, although they are not public. Any other private, loopback, link-local or otherwise special address is refused.",
    ),
    key(
        "oidc.tenant_allowed_networks",
        Some(""),
        NETWORKS,
        "Tenants' issuers may have these addresses, although they are not public. Every administrator of a tenant can have requests sent there, to any port.",
    ),
    key(
        "oidc.ca_certificates",
        None,
        "a PEM file with at least one certificate",
        "Authorities that vouch for issuers, beside those of the platform. The file is read at start.",
    ),
    key(
        "oidc.timeout",
        Some("5s"),
        DURATION,
        "How long one request to an issuer may take, from the look-up of its name to the last byte.",
    ),
    key(
        "oidc.keys_fresh_for",
        Some("10m"),
        DURATION,
        "How long an issuer's keys count until they are fetched anew. A key that the issuer withdraws is refused after this time at the latest, while the issuer answers.",
    ),
    key(
        "oidc.keys_cooldown",
        Some("30s"),
        "a duration, like 10s or 1m, that is no longer than a quarter of `oidc.keys_fresh_for`",
        "How long an issuer is left alone after its keys were fetched, or could not be. A new key is known after this time at the latest.",
    ),
    key(
        "oidc.keys_stale_bound",
        Some("24h"),
        "a duration, like 6h or 24h, that is no shorter than `oidc.keys_fresh_for`",
        "How long an issuer's keys count while it does not answer.",
    ),
    key(
        "oidc.clock_skew",
        Some("30s"),
        "a duration from 0s to 5m",
        "How far the clocks of issuers may differ from this one, when the times in a token are judged.",
    ),
    key(
        "oidc.tenant_roles_claim",
        Some("gatewood_roles"),
        CLAIM,
        "Where the tokens of tenants' issuers have their roles. `root` is never one of them.",
    ),
    key("oidc.tenant_groups_claim", Some("groups"), CLAIM, "Where the tokens of tenants' issuers have their groups."),
    key(
        "decision.default_store",
        None,
        "the name of a folder below `policies`",
        "The store that is meant when a request names none. When nobody says, the only one beside `gatewood`; where there are several, a request must name one.",
    ),
    key(
        "decision_log.sink",
        Some("auto"),
        "auto, file, stdout or off",
        "Where decisions are recorded, one JSON object a line. `auto`: in the file that `decision_log.path` names, else in one beside an SQLite database, else on standard output. [decision-log.md](decision-log.md) has the fields.",
    ),
    key(
        "decision_log.path",
        None,
        "the path of a file in a folder that exists",
        "The file of the decision log. When nobody says, `<database>.decisions.ndjson` beside an SQLite database.",
    ),
    key(
        "decision_log.overflow",
        Some("drop"),
        "drop, block or spill",
        "What happens to a record when the queue is full. `drop`: it is dropped, and counted. `block`: whoever asks for a decision waits. `spill`: it goes to `<path>.spill` and is brought back from there.",
    ),
    key("decision_log.queue", Some("10000"), "a number from 1 to 1000000", "How many records may wait to be written."),
    key("decision_log.rotate_size", Some("100MiB"), BYTES, "The file is rotated before it is larger than this."),
    key(
        "decision_log.rotate_after",
        Some("24h"),
        DURATION,
        "The file is rotated when its first record is older than this.",
    ),
    key("decision_log.keep", Some("10"), "a number from 0 to 10000", "How many rotated files are kept."),
    key(
        "decision_log.spill_size",
        Some("1GiB"),
        BYTES,
        "How large the file of `spill` may become. After that, records are dropped.",
    ),
    key(
        "decision_log.mask",
        Some(""),
        "a list of paths into the context, like input.client_id, request.user_agent, device.*.serial",
        "Which attributes of contexts the decision log shows as `***`, beside those that a schema marks with `@sensitive`. A `*` is any name.",
    ),
    key(
        "tracing.otlp_endpoint",
        None,
        "an http or https URL without user, query and fragment, like http://127.0.0.1:4318",
        "The OpenTelemetry collector that traces are sent to, by OTLP over HTTP, to `v1/traces` below it. When nobody says, no traces are made.",
    ),
    key(
        "tracing.sample_ratio",
        Some("1"),
        "a number from 0 to 1",
        "The part of the traces beginning here that is exported. Of a request with a `traceparent` the caller has decided.",
    ),
    key(
        "tracing.service_name",
        Some("gatewood"),
        "1 to 255 characters that can be printed",
        "What the service is called in traces: the resource attribute `service.name`.",
    ),
    key("log.format", Some("auto"), "auto, human or json", "`auto`: for people on a terminal, JSON otherwise."),
    key(
        "log.level",
        Some("info,actix_server=warn,actix_http=off,rustls=error"),
        "error, warn, info, debug or trace, or a filter like info,gatewood=debug",
        "Which log lines there are.",
    ),
];
