//! What happened: every call, and the connections they came over. Never a secret.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::SystemTime;

use crate::locked;

/// One call as the simulator saw it.
#[derive(Clone, Debug)]
pub struct Call {
    /// `sts`, `organizations`, `ec2`, `athena`, `s3` or `idp`; for anything else what the signature's scope says.
    pub service: String,
    /// `AssumeRole`, `DescribeInstances`, …; `Token`, `Configuration` and `Keys` of the identity provider.
    pub operation: String,
    /// The account of the caller, once the signature is verified.
    pub account: Option<String>,
    /// The ARN of the caller, once the signature is verified.
    pub caller: Option<String>,
    /// The region in the signature's scope.
    pub region: Option<String>,
    /// The access key id in the signature's scope.
    pub access_key_id: Option<String>,
    /// The simulator's time when the call came in.
    pub at: SystemTime,
    /// The HTTP status; 0 where there was no answer, or none yet.
    pub status: u16,
    /// AWS's or the identity provider's error code.
    pub error: Option<String>,
    /// The call's parameters without secrets and tokens; those of S3 by the names of its API, as `Bucket`, `Key`, `Range`,
    /// `Prefix`. A token request also has `client_authentication`
    /// (`client_secret_basic`, `client_secret_post` or `none`).
    pub parameters: BTreeMap<String, String>,
    /// Its place in the record, once it has one.
    place: Option<usize>,
}

impl Call {
    pub(crate) fn new(service: impl Into<String>, operation: impl Into<String>, at: SystemTime) -> Self {
        Self {
            service: service.into(),
            operation: operation.into(),
            account: None,
            caller: None,
            region: None,
            access_key_id: None,
            at,
            status: 0,
            error: None,
            parameters: BTreeMap::new(),
            place: None,
        }
    }

    /// `service:operation`.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}:{}", self.service, self.operation)
    }

    /// A parameter of the call.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).map(String::as_str)
    }
}

/// How many TCP connections there were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Connections {
    /// Accepted since the start.
    pub accepted: usize,
    /// Open now.
    pub open: usize,
    /// The most that were open at one time.
    pub peak: usize,
}

#[derive(Default)]
pub(crate) struct Record {
    calls: Mutex<Calls>,
    accepted: AtomicUsize,
    open: AtomicUsize,
    peak: AtomicUsize,
}

/// The calls since the last time they were forgotten.
#[derive(Default)]
struct Calls {
    forgotten: usize,
    kept: Vec<Call>,
}

impl Record {
    /// Notes a call that is being served.
    pub(crate) fn begin(&self, call: &mut Call) {
        let mut calls = locked(&self.calls);
        call.place = Some(calls.forgotten + calls.kept.len());
        calls.kept.push(call.clone());
    }

    /// Notes how a call ended, whether or not it was noted before.
    pub(crate) fn end(&self, mut call: Call) {
        if call.place.is_none() {
            self.begin(&mut call);
            return;
        }
        let mut calls = locked(&self.calls);
        let place = call.place.and_then(|place| place.checked_sub(calls.forgotten));
        if let Some(kept) = place.and_then(|place| calls.kept.get_mut(place)) {
            *kept = call;
        }
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        locked(&self.calls).kept.clone()
    }

    pub(crate) fn calls_after(&self, seen: usize) -> Vec<Call> {
        locked(&self.calls).kept.get(seen..).unwrap_or_default().to_vec()
    }

    pub(crate) fn clear(&self) {
        let mut calls = locked(&self.calls);
        calls.forgotten += calls.kept.len();
        calls.kept.clear();
    }

    pub(crate) fn count(&self, pattern: &str) -> usize {
        locked(&self.calls)
            .kept
            .iter()
            .filter(|call| crate::estate::matches(pattern, &call.name()))
            .count()
    }

    pub(crate) fn counts(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for call in &locked(&self.calls).kept {
            *counts.entry(call.name()).or_default() += 1;
        }
        counts
    }

    pub(crate) fn opened(&self) {
        self.accepted.fetch_add(1, Ordering::Relaxed);
        let open = self.open.fetch_add(1, Ordering::Relaxed) + 1;
        self.peak.fetch_max(open, Ordering::Relaxed);
    }

    pub(crate) fn closed(&self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
    }

    pub(crate) fn connections(&self) -> Connections {
        Connections {
            accepted: self.accepted.load(Ordering::Relaxed),
            open: self.open.load(Ordering::Relaxed),
            peak: self.peak.load(Ordering::Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_that_was_forgotten_while_it_was_served_stays_forgotten() {
        let record = Record::default();
        let call = || {
            let mut call = Call::new("ec2", "X", SystemTime::UNIX_EPOCH);
            record.begin(&mut call);
            call.status = 200;
            call
        };
        let (first, second) = (call(), call());
        record.end(first);
        assert_eq!(
            record.calls().iter().map(|call| call.status).collect::<Vec<_>>(),
            [200, 0]
        );
        record.clear();
        record.end(second);
        assert_eq!(record.count("ec2:*"), 0);
        let third = call();
        record.end(third);
        assert_eq!(record.calls()[0].status, 200);
    }
}
