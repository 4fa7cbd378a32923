//! Where decisions are recorded, as the configuration says.

use super::StartError;
use super::private_file::beside;
use crate::audit::{DecisionLog, FileSettings, LogSettings, SinkSettings, SpillSettings, Writer};
use crate::config::{Config, DecisionSink};
use crate::domain::{Clock, Overflow};

/// The decision log, its thread, and where it goes, in words.
pub(super) struct Started {
    pub(super) log: DecisionLog,
    /// `None`: it is off.
    pub(super) writer: Option<Writer>,
    pub(super) place: String,
}

/// Starts the decision log.
///
/// # Errors
/// When its file cannot be used, or nobody says which it is.
pub(super) fn start(config: &Config, clock: Clock) -> Result<Started, StartError> {
    let said = &config.decision_log;
    let database = config.database_url.sqlite_file();
    let path = said.path.clone().or_else(|| database.map(|file| beside(file, "decisions.ndjson")));
    let sink = match (said.sink, &path) {
        (DecisionSink::Off, _) => {
            return Ok(Started { log: DecisionLog::off(), writer: None, place: "off".to_owned() });
        }
        (DecisionSink::Auto | DecisionSink::File, Some(path)) => SinkSettings::File(FileSettings {
            path: path.clone(),
            rotate_size: said.rotate_size,
            rotate_after: said.rotate_after,
            keep: said.keep,
        }),
        (DecisionSink::File, None) => return Err(no_path("`decision_log.sink` is `file`")),
        (DecisionSink::Auto | DecisionSink::Stdout, _) => SinkSettings::Stdout,
    };
    let spill = path.as_ref().map(|path| SpillSettings { path: beside(path, "spill"), size: said.spill_size });
    if said.overflow == Overflow::Spill && spill.is_none() {
        return Err(no_path("`decision_log.overflow` is `spill`"));
    }
    let place = match &sink {
        SinkSettings::Stdout => "stdout".to_owned(),
        SinkSettings::File(FileSettings { path, .. }) => path.display().to_string(),
    };
    let mask = said.mask.clone();
    let settings = LogSettings { sink, overflow: said.overflow, queue: said.queue, spill, mask };
    let (log, writer) = DecisionLog::start(settings, clock).map_err(StartError::new)?;
    Ok(Started { log, writer: Some(writer), place })
}

fn no_path(what: &str) -> StartError {
    StartError::new(format!("{what}, and there is no SQLite database to put the file beside; set `decision_log.path`"))
}
