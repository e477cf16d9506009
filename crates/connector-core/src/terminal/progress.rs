//! How far a run has come: a display for a person, a log line now and then for everybody else.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use auth_core::host::machine_sleep;
use indicatif::{HumanCount, ProgressBar, ProgressStyle};
use tokio::task::AbortHandle;
use tracing::Level;

use super::foreign::harmless;
use super::log::{LogFormat, Terminal};
use crate::ledger::SliceEntry;
use crate::slice::Outcome;

/// Without a display, a line each time that another tenth of the slices is done.
const STEPS: u64 = 10;

/// Without a display, the longest time without a line.
const BETWEEN_HEARTBEATS: Duration = Duration::from_secs(60);

/// Counts what is known and done.
pub struct Progress {
    terminal: Terminal,
    bar: ProgressBar,
    accounts: AtomicU64,
    resolved: AtomicU64,
    slices: AtomicU64,
    done: AtomicU64,
    rows: AtomicU64,
    failed: AtomicU64,
    told: Mutex<u64>,
    kinds: Mutex<HashSet<(Outcome, String)>>,
}

impl Progress {
    /// A display that shows nothing yet.
    pub fn new(terminal: &Terminal) -> Self {
        let bar = terminal.bars.add(ProgressBar::new_spinner());
        if terminal.interactive {
            bar.set_style(style("{spinner} {elapsed_precise}  {msg}"));
            bar.set_message("signing in and listing accounts");
            bar.enable_steady_tick(Duration::from_millis(120));
        }
        Progress {
            terminal: terminal.clone(),
            bar,
            accounts: AtomicU64::new(0),
            resolved: AtomicU64::new(0),
            slices: AtomicU64::new(0),
            done: AtomicU64::new(0),
            rows: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            told: Mutex::new(0),
            kinds: Mutex::default(),
        }
    }

    /// The accounts are known.
    pub fn accounts_known(&self, collect: usize, skipped: usize) {
        self.accounts.store(collect as u64, Ordering::Relaxed);
        tracing::info!(collect, skipped, "accounts resolved");
        if self.terminal.interactive {
            self.bar
                .set_style(style("{spinner} {elapsed_precise}  {bar:24}  {wide_msg}"));
        }
        self.show();
    }

    /// An account has been reached, or not; so many of its regions end as a slice.
    pub fn account_resolved(&self, slices: usize) {
        self.slices.fetch_add(slices as u64, Ordering::Relaxed);
        self.resolved.fetch_add(1, Ordering::Relaxed);
        self.show();
    }

    /// An account has been checked, all its regions with it.
    pub fn account_checked(&self, failed: bool) {
        self.slices.fetch_add(1, Ordering::Relaxed);
        self.done.fetch_add(1, Ordering::Relaxed);
        self.failed.fetch_add(failed.into(), Ordering::Relaxed);
        self.resolved.fetch_add(1, Ordering::Relaxed);
        self.show();
    }

    /// A slice has ended.
    pub fn slice_done(&self, entry: &SliceEntry) {
        let region = entry.region.as_deref().unwrap_or("-");
        if entry.outcome.is_failure() {
            self.failed.fetch_add(1, Ordering::Relaxed);
            let cause = entry.cause.as_ref();
            let message = cause.map(|cause| harmless(&cause.message)).unwrap_or_default();
            let code = cause.and_then(|cause| cause.code.as_deref()).unwrap_or("-");
            let account = entry.account_id.as_str();
            let outcome = entry.outcome.name();
            if self.terminal.format == LogFormat::Json {
                let fields = [
                    ("account", account.into()),
                    ("region", entry.region.as_deref().into()),
                    ("outcome", outcome.into()),
                    ("code", cause.and_then(|cause| cause.code.as_deref()).into()),
                    ("cause", message.into()),
                    ("hint", cause.and_then(|cause| cause.hint.as_deref()).into()),
                ];
                let fields = fields.map(|(name, value)| (name.to_owned(), value));
                if !self.terminal.quiet {
                    self.terminal
                        .event(Level::WARN, "slice failed", fields.into_iter().collect());
                }
            } else if self.is_news(entry.outcome, code) {
                tracing::warn!(account, region, outcome, code, "slice failed");
            } else {
                tracing::debug!(account, region, outcome, code, cause = %message, "slice failed");
            }
        } else {
            tracing::debug!(
                account = entry.account_id.as_str(),
                region,
                outcome = entry.outcome.name(),
                rows = entry.rows,
                "slice done"
            );
        }
        if entry.region.is_some() {
            self.done.fetch_add(1, Ordering::Relaxed);
        }
        self.rows.fetch_add(entry.rows, Ordering::Relaxed);
        self.show();
    }

    /// A log collector is told of every failure. A person is told of the first of a kind: the display counts the others,
    /// and the summary says of all what happened.
    fn is_news(&self, outcome: Outcome, code: &str) -> bool {
        let mut kinds = self.kinds.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        kinds.insert((outcome, code.to_owned()))
    }

    fn show(&self) {
        let [accounts, resolved, slices, done, rows, failed] = self.counts();
        if self.terminal.interactive {
            // The slices of accounts that are not reached yet are reckoned in: the bar goes forward only.
            self.bar
                .set_length((slices * accounts / resolved.max(1)).max(slices).max(1));
            self.bar.set_position(done);
            let failures = if failed > 0 {
                format!(", {} failed", HumanCount(failed))
            } else {
                String::new()
            };
            self.bar.set_message(format!(
                "accounts {resolved}/{accounts}, slices {}/{}, {} rows{failures}",
                HumanCount(done),
                HumanCount(slices),
                HumanCount(rows)
            ));
            return;
        }
        if resolved < accounts || slices == 0 {
            return;
        }
        let step = done * STEPS / slices;
        let mut told = self.told.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if step > *told {
            *told = step;
            tracing::info!(slices, done, rows, failed, "progress");
        }
    }

    /// Without a display, a line each minute in which there was no other: nobody takes a run for dead. Until it is dropped.
    pub fn heartbeat(self: &Arc<Self>) -> Heartbeat {
        if self.terminal.interactive || self.terminal.quiet {
            return Heartbeat(None);
        }
        let progress = Arc::clone(self);
        let beating = tokio::spawn(async move {
            let mut before = None;
            loop {
                machine_sleep(BETWEEN_HEARTBEATS).await;
                let told = *progress.told.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                if before.replace(told) == Some(told) || told == 0 {
                    progress.still_at_work();
                }
            }
        });
        Heartbeat(Some(beating.abort_handle()))
    }

    fn still_at_work(&self) {
        let [accounts, resolved, slices, done, rows, failed] = self.counts();
        tracing::info!(accounts, resolved, slices, done, rows, failed, "still at work");
    }

    fn counts(&self) -> [u64; 6] {
        [
            &self.accounts,
            &self.resolved,
            &self.slices,
            &self.done,
            &self.rows,
            &self.failed,
        ]
        .map(|counter| counter.load(Ordering::Relaxed))
    }

    /// Takes the display away.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

/// Beats until it is dropped.
pub struct Heartbeat(Option<AbortHandle>);

impl Drop for Heartbeat {
    fn drop(&mut self) {
        if let Some(beating) = &self.0 {
            beating.abort();
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    // The templates are constants: a wrong one would show as no display, in the first run of whoever writes it.
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
