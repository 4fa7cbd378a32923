//! The flags that say where the configuration is and what overrides it.

use std::path::PathBuf;

use clap::Args;

use crate::config::{Config, ConfigError, Layers};

/// Every flag is also an environment variable (`GATEWOOD_LISTEN`) and a key of the file (`listen`).
#[derive(Args)]
pub(super) struct ConfigFlags {
    /// The configuration file, in TOML [env: `GATEWOOD_CONFIG`]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where HTTP is served [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,
    /// Where gRPC is served [default: 127.0.0.1:8081]
    #[arg(long, value_name = "ADDR")]
    grpc_listen: Option<String>,
    /// Where the data is kept [default: <sqlite://gatewood.db>]
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
    /// The folder of policy stores [default: ./policies, if it exists]
    #[arg(long, value_name = "DIR")]
    policies: Option<String>,
    /// The control plane's schema
    #[arg(long, value_name = "FILE")]
    schema: Option<String>,
    /// `auto`, or `embedded` to use the policies that the binary was built with
    #[arg(long, value_name = "WHICH")]
    control_policies: Option<String>,
}

impl ConfigFlags {
    /// Puts flags, environment and file together.
    pub(super) fn layers(&self) -> Result<Layers, ConfigError> {
        let flags: Vec<(&'static str, String)> = [
            ("listen", &self.listen),
            ("grpc_listen", &self.grpc_listen),
            ("database_url", &self.database_url),
            ("policies", &self.policies),
            ("schema", &self.schema),
            ("control_policies", &self.control_policies),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value.clone()?)))
        .collect();
        // A name that is no UTF-8 cannot be one of ours; a value may be a mistake in one of ours.
        let named = std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value)));
        let ours = named.filter(|(name, _)| name.starts_with(Layers::PREFIX));
        let environment = ours.map(|(name, value)| match value.into_string() {
            Ok(value) => Ok((name, value)),
            Err(_may_be_a_secret) => Err(ConfigError(format!("the environment variable {name} is not UTF-8"))),
        });
        Layers::collect(self.config.as_deref(), &flags, environment.collect::<Result<Vec<_>, _>>()?)
    }

    /// The configuration.
    pub(super) fn config(&self) -> Result<Config, String> {
        let layers = self.layers().map_err(|error| error.to_string())?;
        Config::read(&layers).map_err(|error| error.to_string())
    }
}
