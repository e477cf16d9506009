//! What has become of each account and slice so far. It is changed in whole steps, and ends what has not ended when a run is
//! cut short.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use auth_core::Account;
use auth_core::error::Report;
use auth_core::sts::Caller;

use crate::ledger::SliceEntry;
use crate::rows::SpooledTable;
use crate::slice::{Outcome, Slice};
use crate::state;

/// What is known so far; what is left of an interrupted run.
#[derive(Default)]
pub struct Journal {
    state: Mutex<State>,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) caller: Option<Caller>,
    pub(super) resolved: bool,
    pub(super) accounts: Vec<Account>,
    pub(super) warnings: Vec<String>,
    pub(super) entries: Vec<(SliceEntry, Vec<SpooledTable>)>,
    /// Slices that have begun and not ended, with when.
    pub(super) at_work: HashMap<(String, String), (SystemTime, Slice)>,
    /// Slices that have failed because the disk took no more.
    pub(super) unkept: Vec<(String, String)>,
    /// The run was cut short: nothing begins any more, and nothing fails.
    pub(super) closed: bool,
}

/// Why a run came to its end before all was collected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CutShort {
    /// By a signal.
    Interrupted,
    /// By its deadline.
    Deadline(Duration),
    /// By the disk, which takes no more.
    Disk,
}

impl CutShort {
    fn outcome(self) -> Outcome {
        match self {
            CutShort::Interrupted | CutShort::Disk => Outcome::Failed,
            CutShort::Deadline(_) => Outcome::TimedOut,
        }
    }

    fn report(self) -> Report {
        let (message, hint) = match self {
            CutShort::Interrupted => ("the run was interrupted before this was complete".to_owned(), None),
            CutShort::Deadline(limit) => (
                format!(
                    "the run came to its deadline of {} s before this was complete",
                    limit.as_secs()
                ),
                Some("collect the rest with --resume, or raise run_timeout".to_owned()),
            ),
            CutShort::Disk => (
                "the run ended before this was complete: nothing more could be kept on the disk".to_owned(),
                None,
            ),
        };
        Report {
            message,
            hint,
            ..Report::default()
        }
    }
}

/// The journal's content.
#[derive(Default)]
pub struct Collected {
    /// Whose session the run began with.
    pub caller: Option<Caller>,
    /// Every known account.
    pub accounts: Vec<Account>,
    /// What the user should know.
    pub warnings: Vec<String>,
    /// Every slice that has ended, by account and region, with its rows.
    pub slices: Vec<(SliceEntry, Vec<SpooledTable>)>,
}

impl Journal {
    pub(super) fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What is at work and fails from now on has the end of the run as its cause.
    pub fn close(&self) {
        self.with(|state| state.closed = true);
    }

    /// Ends what has not ended: nothing that was to be collected is missing from the ledger. What ran at AWS was stopped, so
    /// the next try is another one.
    pub fn cut_short(&self, why: CutShort, now: SystemTime, kept: &state::State) {
        self.with(|state| {
            state.closed = true;
            for (account, region) in state.unkept.drain(..) {
                kept.failed(&account, &region);
            }
            for (_, (start, slice)) in state.at_work.drain() {
                kept.failed(slice.account.id.as_str(), slice.region());
                let mut entry = SliceEntry::new(&slice.account, Some(slice.region()), why.outcome());
                entry.duration_seconds = now.duration_since(start).unwrap_or_default().as_secs_f64();
                entry.metered(slice.access.meter());
                entry.cause = Some(why.report().into());
                state.entries.push((entry.telling(slice.facts.told()), Vec::new()));
            }
            let begun: HashSet<String> = state
                .entries
                .iter()
                .map(|(entry, _)| entry.account_id.clone())
                .collect();
            for account in state
                .accounts
                .iter()
                .filter(|account| !begun.contains(account.id.as_str()))
            {
                // What an earlier process has collected of it stays collected.
                if let Some((regions, slices)) = kept.whole_account(account) {
                    let skipped = regions.skipped.iter().map(|(region, reason)| {
                        let mut entry = SliceEntry::new(account, Some(region), Outcome::Skipped);
                        entry.reason = Some(reason.clone());
                        (entry, Vec::new())
                    });
                    state.entries.extend(skipped.chain(slices));
                    continue;
                }
                let mut entry = SliceEntry::new(account, None, why.outcome());
                entry.cause = Some(why.report().into());
                state.entries.push((entry, Vec::new()));
                state.entries.extend(kept.slices_of(account));
            }
        });
    }

    /// What was told of a slice that has ended already, after its end.
    pub(super) fn tell(&self, slice: &Slice) {
        let warnings = slice.facts.told().warnings;
        if warnings.is_empty() {
            return;
        }
        self.with(|state| {
            let of_slice = |(entry, _): &&mut (SliceEntry, Vec<SpooledTable>)| {
                entry.account_id == slice.account.id.as_str() && entry.region.as_deref() == Some(slice.region())
            };
            // It is one of the last.
            if let Some((entry, _)) = state.entries.iter_mut().rev().find(of_slice) {
                entry.warnings = warnings;
            }
        });
    }

    /// Whether the accounts are known.
    pub fn is_resolved(&self) -> bool {
        self.with(|state| state.resolved)
    }

    /// The account that the run signed in to.
    pub fn caller(&self) -> Option<String> {
        self.with(|state| state.caller.as_ref().map(|caller| caller.account.to_string()))
    }

    /// Takes everything out, in order.
    pub fn take(&self) -> Collected {
        let State {
            caller,
            resolved: _,
            accounts,
            warnings,
            mut entries,
            at_work: _,
            unkept: _,
            closed: _,
        } = self.with(|state| {
            let closed = State {
                closed: true,
                ..State::default()
            };
            std::mem::replace(state, closed)
        });
        entries.sort_by(|(a, _), (b, _)| (&a.account_id, &a.region).cmp(&(&b.account_id, &b.region)));
        Collected {
            caller,
            accounts,
            warnings,
            slices: entries,
        }
    }
}
