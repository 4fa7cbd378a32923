//! The lifetimes of tokens over JSON, gRPC and gRPC-Web, with the answers in one form.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use gatewood::proto::gatewood::v1::PolicyNotices;
use gatewood::proto::google::rpc::Status;
use gatewood::proto::zitadel::admin::v1 as admin;
use gatewood::proto::zitadel::v1::{ErrorDetail, ObjectDetails};
use prost::{Message, Name};
use prost_types::{Any, Duration};
use reqwest::header::HeaderMap;
use serde_json::{Value, json};

use super::{Answer, Caller, TestServer};

/// A way to say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wire {
    Json,
    Grpc,
    GrpcWeb,
    GrpcWebText,
    /// gRPC-Web on the gRPC port.
    GrpcWebBeside,
}

impl Wire {
    pub(crate) const ALL: [Self; 5] = [Self::Json, Self::Grpc, Self::GrpcWeb, Self::GrpcWebText, Self::GrpcWebBeside];
}

/// Seconds and nanoseconds of a lifetime; `None`: not sent.
pub(crate) type Sent = Option<(i64, i32)>;

/// What is asked.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Ask {
    Get,
    Add([Sent; 4]),
    Update([Sent; 4]),
}

/// What was answered, in no transport's own form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) message: String,
    /// The id of the error detail.
    pub(crate) id: Option<String>,
    pub(crate) notices: Option<Vec<String>>,
    pub(crate) policies: Option<Vec<String>>,
    pub(crate) sequence: Option<u64>,
    /// The lifetimes, as JSON writes them.
    pub(crate) lifetimes: Vec<String>,
    /// Notices of a success.
    pub(crate) announced: Vec<String>,
}

const NAMES: [&str; 4] =
    ["accessTokenLifetime", "idTokenLifetime", "refreshTokenIdleExpiration", "refreshTokenExpiration"];

impl Ask {
    const fn method(self) -> &'static str {
        match self {
            Self::Get => "GetOIDCSettings",
            Self::Add(_) => "AddOIDCSettings",
            Self::Update(_) => "UpdateOIDCSettings",
        }
    }

    pub(crate) fn message(self) -> Vec<u8> {
        let duration = |sent: Sent| sent.map(|(seconds, nanos)| Duration { seconds, nanos });
        match self {
            Self::Get => admin::GetOidcSettingsRequest {}.encode_to_vec(),
            // The two messages have the same fields under the same numbers.
            Self::Add(sent) | Self::Update(sent) => admin::AddOidcSettingsRequest {
                access_token_lifetime: duration(sent[0]),
                id_token_lifetime: duration(sent[1]),
                refresh_token_idle_expiration: duration(sent[2]),
                refresh_token_expiration: duration(sent[3]),
            }
            .encode_to_vec(),
        }
    }

    fn json(self) -> Value {
        let sent = match self {
            Self::Get => [None; 4],
            Self::Add(sent) | Self::Update(sent) => sent,
        };
        let mut body = json!({});
        for (name, sent) in NAMES.iter().zip(sent) {
            if let Some((seconds, nanos)) = sent {
                body[name] = format!("{seconds}.{:09}s", nanos.unsigned_abs()).into();
            }
        }
        body
    }
}

impl TestServer {
    /// Asks, in the caller's name.
    pub(crate) async fn ask(&self, wire: Wire, caller: &Caller, ask: Ask) -> Said {
        match wire {
            Wire::Json => {
                let path = "/admin/v1/settings/oidc";
                let request = match ask {
                    Ask::Get => caller.get(path),
                    Ask::Add(_) => caller.post(path).json(&ask.json()),
                    Ask::Update(_) => caller.put(path).json(&ask.json()),
                };
                of_json(&request.send().await)
            }
            Wire::Grpc => self.ask_grpc(caller, ask).await,
            Wire::GrpcWeb => {
                of_web(ask, self.ask_web(&self.base, "application/grpc-web+proto", caller, ask).await).await
            }
            Wire::GrpcWebText => {
                of_web(ask, self.ask_web(&self.base, "application/grpc-web-text", caller, ask).await).await
            }
            Wire::GrpcWebBeside => {
                of_web(ask, self.ask_web(&self.grpc_base, "application/grpc-web", caller, ask).await).await
            }
        }
    }

    async fn ask_grpc(&self, caller: &Caller, ask: Ask) -> Said {
        use admin::{
            AddOidcSettingsRequest as Add, GetOidcSettingsRequest as Get, UpdateOidcSettingsRequest as Update,
        };
        let endpoint = tonic::transport::Endpoint::from_shared(self.grpc_base.clone()).unwrap();
        let channel = endpoint.connect().await.unwrap();
        let bytes = ask.message();
        let answer = match ask {
            Ask::Get => unary::<Get, admin::GetOidcSettingsResponse>(channel, caller, ask, &bytes).await,
            Ask::Add(_) => unary::<Add, admin::AddOidcSettingsResponse>(channel, caller, ask, &bytes).await,
            Ask::Update(_) => unary::<Update, admin::UpdateOidcSettingsResponse>(channel, caller, ask, &bytes).await,
        };
        match answer {
            Ok((message, announced)) => of_message(ask, &message, announced),
            Err(status) => of_status(status.code() as i32, status.message(), status.details()),
        }
    }

    async fn ask_web(&self, base: &str, content_type: &str, caller: &Caller, ask: Ask) -> reqwest::Response {
        let mut body = framed(&ask.message());
        if content_type.contains("text") {
            body = BASE64_STANDARD.encode(body).into_bytes();
        }
        let url = format!("{base}/zitadel.admin.v1.AdminService/{}", ask.method());
        let request = caller.client.post(url).headers(caller.headers.clone()).header("content-type", content_type);
        let answer = request.header("x-grpc-web", "1").body(body).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        let said = answer.headers()["content-type"].to_str().unwrap();
        assert!(said.starts_with("application/grpc-web"), "{said}");
        answer
    }
}

/// A message in its frame: not compressed, with its length.
pub(crate) fn framed(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    [&[0], &length[..], message].concat()
}

/// One call by tonic's own client: the message of the answer and what was announced with it.
async fn unary<M, R>(
    channel: tonic::transport::Channel,
    caller: &Caller,
    ask: Ask,
    message: &[u8],
) -> Result<(Vec<u8>, Vec<String>), tonic::Status>
where
    M: Message + Default + 'static,
    R: Message + Default + 'static,
{
    let mut client = tonic::client::Grpc::new(channel);
    client.ready().await.unwrap();
    let mut request = tonic::Request::new(M::decode(message).unwrap());
    *request.metadata_mut() = tonic::metadata::MetadataMap::from_headers(caller.headers.clone());
    let path = format!("/zitadel.admin.v1.AdminService/{}", ask.method());
    let codec = tonic_prost::ProstCodec::<M, R>::default();
    let answer = client.unary(request, path.parse().unwrap(), codec).await?;
    let announced = announced(&answer.metadata().clone().into_headers());
    Ok((answer.get_ref().encode_to_vec(), announced))
}

fn of_json(answer: &Answer) -> Said {
    let body = answer.json();
    let lifetimes = |settings: &Value| {
        NAMES.iter().filter_map(|name| settings[name].as_str().map(str::to_owned)).collect::<Vec<_>>()
    };
    if answer.status == 200 {
        let settings = &body["settings"];
        let details = if settings.is_object() { &settings["details"] } else { &body["details"] };
        return Said {
            sequence: details["sequence"].as_str().map(|text| text.parse().unwrap()),
            lifetimes: lifetimes(settings),
            announced: announced(&answer.headers),
            ..Said::success()
        };
    }
    let detail = |of_type: &str| {
        let of_type = format!("type.googleapis.com/{of_type}");
        body["details"].as_array().unwrap().iter().find(|detail| detail["@type"] == of_type.as_str())
    };
    let texts = |value: &Value| -> Vec<String> { serde_json::from_value(value.clone()).unwrap() };
    let told = detail("gatewood.v1.PolicyNotices");
    let error = detail("zitadel.v1.ErrorDetail").unwrap();
    assert_eq!(error["message"], body["message"]);
    Said {
        code: i32::try_from(body["code"].as_i64().unwrap()).unwrap(),
        message: body["message"].as_str().unwrap().to_owned(),
        id: error["id"].as_str().map(str::to_owned),
        notices: told.map(|told| texts(&told["notices"])),
        policies: told.map(|told| texts(&told["policies"])),
        ..Said::success()
    }
}

impl Said {
    const fn success() -> Self {
        Self {
            code: 0,
            message: String::new(),
            id: None,
            notices: None,
            policies: None,
            sequence: None,
            lifetimes: Vec::new(),
            announced: Vec::new(),
        }
    }
}

fn announced(headers: &HeaderMap) -> Vec<String> {
    headers.get_all("gatewood-notice").iter().map(|value| value.to_str().unwrap().to_owned()).collect()
}

fn of_message(ask: Ask, message: &[u8], announced: Vec<String>) -> Said {
    let (details, lifetimes): (Option<ObjectDetails>, Vec<Option<Duration>>) = match ask {
        Ask::Get => {
            let settings = admin::GetOidcSettingsResponse::decode(message).unwrap().settings.unwrap();
            let lifetimes = vec![
                settings.access_token_lifetime,
                settings.id_token_lifetime,
                settings.refresh_token_idle_expiration,
                settings.refresh_token_expiration,
            ];
            (settings.details, lifetimes)
        }
        Ask::Add(_) => (admin::AddOidcSettingsResponse::decode(message).unwrap().details, Vec::new()),
        Ask::Update(_) => (admin::UpdateOidcSettingsResponse::decode(message).unwrap().details, Vec::new()),
    };
    let details = details.unwrap();
    assert!(details.resource_owner.parse::<u64>().is_ok(), "{details:?}");
    let lifetimes = lifetimes.into_iter().map(|lifetime| lifetime.unwrap().to_string()).collect();
    Said { sequence: Some(details.sequence), lifetimes, announced, ..Said::success() }
}

fn detail<M: Message + Name + Default>(details: &[Any]) -> Option<M> {
    let url = format!("type.googleapis.com/{}", M::full_name());
    details.iter().find(|any| any.type_url == url).map(|any| M::decode(any.value.as_slice()).unwrap())
}

pub(crate) fn of_status(code: i32, message: &str, details: &[u8]) -> Said {
    let status = Status::decode(details).unwrap();
    assert_eq!((status.code, status.message.as_str()), (code, message));
    let error = detail::<ErrorDetail>(&status.details).unwrap();
    assert_eq!(error.message, message);
    let told = detail::<PolicyNotices>(&status.details);
    Said {
        code,
        message: message.to_owned(),
        id: Some(error.id),
        notices: told.as_ref().map(|told| told.notices.clone()),
        policies: told.map(|told| told.policies),
        ..Said::success()
    }
}

/// The status that stands in the headers of an answer without a message.
pub(crate) fn of_headers(headers: &HeaderMap) -> Option<Said> {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap().to_owned());
    let code = text("grpc-status")?.parse().unwrap();
    let message = text("grpc-message").unwrap_or_default();
    let message = percent_encoding::percent_decode_str(&message).decode_utf8().unwrap().into_owned();
    let details = text("grpc-status-details-bin").unwrap_or_default();
    let engine = base64::engine::general_purpose::STANDARD_NO_PAD;
    Some(of_status(code, &message, &engine.decode(details.trim_end_matches('=')).unwrap()))
}

/// An answer of gRPC-Web: frames, of which the last has the trailers.
async fn of_web(ask: Ask, answer: reqwest::Response) -> Said {
    if let Some(said) = of_headers(answer.headers()) {
        return said;
    }
    let headers = answer.headers().clone();
    let text = headers["content-type"].to_str().unwrap().contains("text");
    let mut bytes = answer.bytes().await.unwrap().to_vec();
    if text {
        // Every chunk was encoded by itself, with its own padding.
        bytes = bytes.chunks(4).flat_map(|group| BASE64_STANDARD.decode(group).unwrap()).collect();
    }
    let (mut message, mut trailers) = (None, None);
    let mut rest = bytes.as_slice();
    while let Some((head, after)) = rest.split_at_checked(5) {
        let length = u32::from_be_bytes(head[1..].try_into().unwrap()) as usize;
        let (body, after) = after.split_at(length);
        match head[0] {
            0 => message = Some(body),
            0x80 => trailers = Some(std::str::from_utf8(body).unwrap()),
            other => panic!("a frame of kind {other}"),
        }
        rest = after;
    }
    assert!(rest.is_empty(), "{rest:?}");
    assert!(trailers.unwrap().contains("grpc-status:0"), "{trailers:?}");
    of_message(ask, message.unwrap(), announced(&headers))
}
