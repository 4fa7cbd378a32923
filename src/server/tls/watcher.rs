//! Following the files: what is new comes into force, what is broken does not.

use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use arc_swap::ArcSwap;
use chrono::TimeDelta;
use rustls::crypto::CryptoProvider;
use tokio::sync::oneshot;

use super::material::{Contents, Fingerprint, Material};
use crate::config::TlsConfig;
use crate::domain::{Clock, Timestamp};

/// Looks at the files, and says when the certificate is about to expire.
pub(super) struct Watcher {
    files: TlsConfig,
    current: Arc<ArcSwap<Material>>,
    clock: Clock,
    provider: Arc<CryptoProvider>,
    /// What was looked at last and either taken or refused.
    judged: Fingerprint,
    /// What is different since the last look.
    fresh: Option<Fingerprint>,
    /// When it was last said that the certificate expires.
    warned: Option<Timestamp>,
}

impl Watcher {
    /// How often the files are looked at.
    const PERIOD: Duration = Duration::from_secs(1);
    /// How long before the end of its validity a certificate is worth a warning.
    const EARLY: TimeDelta = TimeDelta::days(14);
    /// How often that is said.
    const AGAIN: TimeDelta = TimeDelta::days(1);

    pub(super) fn new(
        files: TlsConfig,
        current: Arc<ArcSwap<Material>>,
        loaded: Fingerprint,
        clock: Clock,
        provider: Arc<CryptoProvider>,
    ) -> Self {
        Self { files, current, clock, provider, judged: loaded, fresh: None, warned: None }
    }

    /// Looks until it is dropped. Files are read on a thread of their own: they may lie on a mount that
    /// does not answer, and nothing else is to wait for that.
    pub(super) async fn run(mut self) {
        let (stop, stopped) = mpsc::channel::<()>();
        let (running, ended) = oneshot::channel::<()>();
        let look = move || {
            // Gone with the thread, however that ends.
            let _running = running;
            self.warn_about_validity();
            while stopped.recv_timeout(Self::PERIOD) == Err(RecvTimeoutError::Timeout) {
                self.look();
            }
        };
        let thread = std::thread::Builder::new().name("tls-files".to_owned()).spawn(look);
        if let Err(error) = thread {
            tracing::error!(%error, "cannot start the thread that looks at the TLS files");
            return;
        }
        // Nothing is ever sent: this is done when the thread is.
        let _ = ended.await;
        drop(stop);
    }

    /// Looks at the files once. What is new is judged when it is the same at two looks: a certificate
    /// and its key are written one after the other, and what is between is nobody's mistake.
    fn look(&mut self) {
        let contents = Contents::read(&self.files);
        let seen = contents.fingerprint();
        if seen == self.judged {
            self.fresh = None;
        } else if self.fresh.as_ref() == Some(&seen) {
            self.fresh = None;
            self.judged = seen;
            self.judge(&contents);
        } else {
            self.fresh = Some(seen);
        }
        self.warn_about_validity();
    }

    fn judge(&mut self, contents: &Contents) {
        match Material::load(&self.files, contents, &self.provider) {
            Ok(material) => {
                let expires = material.validity.map(|validity| tracing::field::display(validity.until.to_rfc3339()));
                tracing::info!(tls.cert = %self.files.cert.display(), expires, "loaded the changed TLS files");
                self.current.store(Arc::new(material));
                self.warned = None;
            }
            Err(bad) => tracing::error!(
                error = %bad,
                "the TLS files have changed and cannot be used; what was loaded before stays in force"
            ),
        }
    }

    fn warn_about_validity(&mut self) {
        let now = self.clock.now();
        let Some(validity) = self.current.load().validity else { return };
        if self.warned.is_some_and(|warned| now - warned < Self::AGAIN) {
            return;
        }
        let (cert, from, until) = (self.files.cert.display(), validity.from.to_rfc3339(), validity.until.to_rfc3339());
        if now > validity.until {
            tracing::warn!(tls.cert = %cert, expires = until, "the TLS certificate, or one above it, has expired");
        } else if now < validity.from {
            tracing::warn!(tls.cert = %cert, begins = from, "the TLS certificate, or one above it, is not valid yet");
        } else if validity.until - now < Self::EARLY {
            tracing::warn!(tls.cert = %cert, expires = until, "the TLS certificate, or one above it, expires soon");
        } else {
            return;
        }
        self.warned = Some(now);
    }
}
