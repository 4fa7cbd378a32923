//! The load on the gRPC port for `scripts/bench`: reads the OIDC settings over and over, from as many
//! connections at once as it is told, and prints `result REQUESTS MICROSECONDS P99 ERRORS` as the
//! script for wrk does. Its arguments are the address, an API key, how many connections and how many
//! seconds.

use std::env;
use std::time::{Duration, Instant};

use gatewood::proto::zitadel::admin::v1::{GetOidcSettingsRequest, GetOidcSettingsResponse};
use tonic::transport::Endpoint;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// How long each call took, and how many failed.
async fn load(address: String, key: String, until: Instant) -> Result<(Vec<Duration>, u64), Failure> {
    let channel = Endpoint::from_shared(format!("http://{address}"))?.connect().await?;
    let mut client = tonic::client::Grpc::new(channel);
    let (mut took, mut errors) = (Vec::new(), 0);
    while Instant::now() < until {
        let began = Instant::now();
        let mut request = tonic::Request::new(GetOidcSettingsRequest {});
        request.metadata_mut().insert("x-api-key", key.parse()?);
        let path = http::uri::PathAndQuery::from_static("/zitadel.admin.v1.AdminService/GetOIDCSettings");
        let codec = tonic_prost::ProstCodec::<GetOidcSettingsRequest, GetOidcSettingsResponse>::default();
        client.ready().await?;
        match client.unary(request, path, codec).await {
            Ok(_answer) => took.push(began.elapsed()),
            Err(_status) => errors += 1,
        }
    }
    Ok((took, errors))
}

#[tokio::main(flavor = "current_thread")]
#[expect(clippy::print_stdout, reason = "the script reads it")]
async fn main() -> Result<(), Failure> {
    let mut arguments = env::args().skip(1);
    let mut next = |what: &str| arguments.next().ok_or(format!("{what} is missing"));
    let (address, key) = (next("the address")?, next("the API key")?);
    let (connections, seconds): (usize, u64) = (next("connections")?.parse()?, next("seconds")?.parse()?);
    let began = Instant::now();
    let until = began + Duration::from_secs(seconds);
    let loads: Vec<_> = (0..connections).map(|_| tokio::spawn(load(address.clone(), key.clone(), until))).collect();
    let (mut all, mut failed) = (Vec::new(), 0);
    for load in loads {
        let (took, errors) = load.await??;
        all.extend(took);
        failed += errors;
    }
    let micros = began.elapsed().as_micros();
    all.sort_unstable();
    let p99 = all.get(all.len() * 99 / 100).map_or(0, Duration::as_micros);
    println!("result {} {micros} {p99} {failed}", all.len());
    Ok(())
}
