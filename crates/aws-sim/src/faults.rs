//! What goes wrong on purpose: rules that match calls and act on them. They can be changed while the simulator runs.

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use crate::estate::matches;
use crate::http::{After, Break, Manner};
use crate::locked;
use crate::record::Call;

/// What is done to a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// An error in the service's own form.
    Error {
        /// The HTTP status.
        status: u16,
        /// AWS's code.
        code: String,
        /// AWS's message.
        message: String,
    },
    /// The service's own throttling error.
    Throttle,
    /// The call is served, this much later. Other rules still apply.
    Delay(Duration),
    /// The call is never answered.
    Hang,
    /// The connection is reset.
    Reset,
    /// Some text instead of the service's answer.
    Body {
        /// The HTTP status.
        status: u16,
        /// The content type.
        content_type: &'static str,
        /// The text.
        body: String,
    },
    /// The true answer, cut in the middle; the connection is closed.
    Truncate,
    /// The true answer, cut after so many bytes of its body; the connection is closed. An answer that is no longer than
    /// that is whole.
    TruncateAfter(u64),
    /// The same, but the connection is reset: of the bytes before, the client may get less.
    ResetAfter(u64),
    /// The true answer up to so many bytes of its body, and then nothing: the connection stays open.
    HangAfter(u64),
    /// The true answer, at so many bytes a second (real time).
    Slow(u64),
    /// The call is served, with all its effects, and then the connection is reset instead of answered.
    LoseAnswer,
    /// The service's own throttling error, with the seconds to wait in the header `Retry-After`.
    ThrottleFor(u32),
    /// The session has ended: in the service's own words.
    Expired,
    /// The date of the signature is too far from the service's clock: in its own words.
    Skewed,
    /// The connection is reset, and for so long nobody listens (real time): connections are refused, and calls over those
    /// that stand are reset. Without a time: for good.
    Refuse(Option<Duration>),
    /// The true answer under another content type.
    ContentType(&'static str),
    /// The true answer with another value of a header, or without it.
    Header(&'static str, Option<&'static str>),
    /// Of an object: what this range would have got, or the whole, whatever was asked for.
    AsIfAsked(Option<&'static str>),
    /// Of a listing: an empty page before the one that was asked for.
    EmptyPage,
    /// Of a listing: a page behind the first names itself as the next one.
    RepeatToken,
    /// Of a listing: every page is followed by another one, empty ones in the end.
    EndlessTokens,
    /// Of a listing: the page comes once more as the next one.
    RepeatPage,
}

impl Action {
    /// How the answer is sent, for actions that let the call be served.
    pub(crate) fn manner(&self) -> Option<Manner> {
        let broken = |after, how| Manner {
            broken: Some((after, how)),
            ..Manner::default()
        };
        match self {
            Self::Truncate => Some(broken(After::Half, Break::Close)),
            Self::TruncateAfter(bytes) => Some(broken(After::Bytes(*bytes), Break::Close)),
            Self::ResetAfter(bytes) => Some(broken(After::Bytes(*bytes), Break::Reset)),
            Self::HangAfter(bytes) => Some(broken(After::Bytes(*bytes), Break::Hang)),
            Self::Slow(rate) => Some(Manner {
                bytes_per_second: Some(*rate),
                ..Manner::default()
            }),
            Self::LoseAnswer => Some(Manner {
                lost: true,
                ..Manner::default()
            }),
            Self::ContentType(_)
            | Self::Header(..)
            | Self::AsIfAsked(_)
            | Self::EmptyPage
            | Self::RepeatToken
            | Self::EndlessTokens
            | Self::RepeatPage => Some(Manner::default()),
            _ => None,
        }
    }
}

/// Which of the matching calls are acted on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Schedule {
    Always,
    First(usize),
    Every(usize),
    AllBut(usize),
}

/// A rule. Without further conditions it acts on every call that it names.
///
/// ```
/// use aws_sim::{Action, Fault};
///
/// Fault::on("ec2:DescribeInstances").account("222233334444").region("eu-central-1").first(2).then(Action::Throttle);
/// Fault::on("sts:*").every(10).then(Action::Reset);
/// ```
#[derive(Clone, Debug)]
pub struct Fault {
    call: String,
    account: Option<String>,
    region: Option<String>,
    parameter: Option<(String, String)>,
    schedule: Schedule,
    lasting: Option<Duration>,
    action: Action,
}

impl Fault {
    /// Calls by `service:operation` (`s3:GetObject`); a `*` at the end matches the rest. The identity provider's are `idp:Token`,
    /// `idp:Configuration`, `idp:Keys`.
    #[must_use]
    pub fn on(call: &str) -> Self {
        Self {
            call: call.to_owned(),
            account: None,
            region: None,
            parameter: None,
            schedule: Schedule::Always,
            lasting: None,
            action: Action::Throttle,
        }
    }

    /// Only of callers in this account.
    #[must_use]
    pub fn account(mut self, account: &str) -> Self {
        self.account = Some(account.to_owned());
        self
    }

    /// Only in this region.
    #[must_use]
    pub fn region(mut self, region: &str) -> Self {
        self.region = Some(region.to_owned());
        self
    }

    /// Only where a parameter has this value: `("RoleArn", "arn:…")`.
    #[must_use]
    pub fn parameter(mut self, name: &str, value: &str) -> Self {
        self.parameter = Some((name.to_owned(), value.to_owned()));
        self
    }

    /// Only the first `count` that match.
    #[must_use]
    pub fn first(mut self, count: usize) -> Self {
        self.schedule = Schedule::First(count);
        self
    }

    /// Only every `k`-th that matches.
    #[must_use]
    pub fn every(mut self, k: usize) -> Self {
        self.schedule = Schedule::Every(k.max(1));
        self
    }

    /// All but every `k`-th that matches.
    #[must_use]
    pub fn all_but_every(mut self, k: usize) -> Self {
        self.schedule = Schedule::AllBut(k.max(1));
        self
    }

    /// Only for so long, on the simulator's clock, from the first call that matches.
    #[must_use]
    pub fn lasting(mut self, time: Duration) -> Self {
        self.lasting = Some(time);
        self
    }

    /// What is done (throttling, unless something is named).
    #[must_use]
    pub fn then(mut self, action: Action) -> Self {
        self.action = action;
        self
    }

    /// An error in the service's own form.
    #[must_use]
    pub fn error(self, status: u16, code: &str, message: &str) -> Self {
        self.then(Action::Error {
            status,
            code: code.to_owned(),
            message: message.to_owned(),
        })
    }

    /// A web page instead of the service's answer, as proxies send it.
    #[must_use]
    pub fn html(self, status: u16) -> Self {
        let body = "<!DOCTYPE html><html><body><h1>This is not the service</h1></body></html>".to_owned();
        self.then(Action::Body {
            status,
            content_type: "text/html; charset=utf-8",
            body,
        })
    }

    /// STS cannot reach the identity provider's keys for now (`InvalidIdentityToken`).
    #[must_use]
    pub fn verification_key_unavailable() -> Self {
        Self::on("sts:AssumeRoleWithWebIdentity").error(
            400,
            "InvalidIdentityToken",
            "Couldn't retrieve verification key from your identity provider, please reference \
             AssumeRoleWithWebIdentity documentation for requirements",
        )
    }

    /// STS cannot reach the identity provider for now (`IDPCommunicationError`).
    #[must_use]
    pub fn idp_communication_error() -> Self {
        Self::on("sts:AssumeRoleWithWebIdentity").error(
            400,
            "IDPCommunicationError",
            "The identity provider (IdP) did not respond in time. Please try again.",
        )
    }

    fn applies(&self, call: &Call) -> bool {
        let same = |wanted: &Option<String>, have: &Option<String>| wanted.is_none() || wanted == have;
        matches(&self.call, &call.name())
            && same(&self.account, &call.account)
            && same(&self.region, &call.region)
            && self
                .parameter
                .as_ref()
                .is_none_or(|(name, value)| call.parameter(name) == Some(value))
    }
}

/// Names a rule, to take it away again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FaultId(u64);

/// The rules in force. Clones share them.
#[derive(Clone, Default)]
pub struct Faults(Arc<Mutex<Rules>>);

#[derive(Default)]
struct Rules {
    next: u64,
    rules: Vec<Rule>,
}

struct Rule {
    id: u64,
    fault: Fault,
    matched: usize,
    acted: usize,
    /// When the first call came that matches.
    since: Option<SystemTime>,
}

impl Faults {
    /// Puts a rule in force.
    pub fn add(&self, fault: Fault) -> FaultId {
        let mut rules = locked(&self.0);
        let id = rules.next;
        rules.next += 1;
        rules.rules.push(Rule {
            id,
            fault,
            matched: 0,
            acted: 0,
            since: None,
        });
        FaultId(id)
    }

    /// Takes a rule away.
    pub fn remove(&self, id: FaultId) {
        locked(&self.0).rules.retain(|rule| rule.id != id.0);
    }

    /// Takes all rules away.
    pub fn clear(&self) {
        locked(&self.0).rules.clear();
    }

    /// How often a rule has acted.
    #[must_use]
    pub fn acted(&self, id: FaultId) -> usize {
        locked(&self.0)
            .rules
            .iter()
            .find(|rule| rule.id == id.0)
            .map_or(0, |rule| rule.acted)
    }

    /// The delay and the action for a call. Rules act in the order in which they were added; the first that is more
    /// than a delay decides.
    pub(crate) fn judge(&self, call: &Call) -> (Duration, Option<Action>) {
        let mut delay = Duration::ZERO;
        for rule in &mut locked(&self.0).rules {
            if !rule.fault.applies(call) {
                continue;
            }
            let since = *rule.since.get_or_insert(call.at);
            let age = call.at.duration_since(since).unwrap_or_default();
            if rule.fault.lasting.is_some_and(|time| age >= time) {
                continue;
            }
            rule.matched += 1;
            let due = match rule.fault.schedule {
                Schedule::Always => true,
                Schedule::First(count) => rule.matched <= count,
                Schedule::Every(k) => rule.matched.is_multiple_of(k),
                Schedule::AllBut(k) => !rule.matched.is_multiple_of(k),
            };
            if !due {
                continue;
            }
            rule.acted += 1;
            match &rule.fault.action {
                Action::Delay(by) => delay += *by,
                action => return (delay, Some(action.clone())),
            }
        }
        (delay, None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(operation: &str, region: &str) -> Call {
        let mut call = Call::new("ec2", operation, std::time::SystemTime::UNIX_EPOCH);
        call.region = Some(region.to_owned());
        call
    }

    #[test]
    fn rules_count_the_calls_that_they_match() {
        let faults = Faults::default();
        let first = faults.add(Fault::on("ec2:DescribeInstances").region("a").first(2));
        let hit = |operation: &str, region: &str| faults.judge(&call(operation, region)).1.is_some();
        assert!(!hit("DescribeRegions", "a") && !hit("DescribeInstances", "b"));
        assert!(hit("DescribeInstances", "a") && hit("DescribeInstances", "a"));
        assert!(!hit("DescribeInstances", "a"));
        assert_eq!(faults.acted(first), 2);
        faults.remove(first);
        faults.add(Fault::on("ec2:*").every(2).then(Action::Reset));
        assert_eq!(
            [hit("X", "a"), hit("X", "a"), hit("X", "a"), hit("X", "a")],
            [false, true, false, true]
        );
    }

    #[test]
    fn delays_add_up_and_leave_the_decision_to_others() {
        let faults = Faults::default();
        faults.add(Fault::on("*").then(Action::Delay(Duration::from_secs(1))));
        faults.add(Fault::on("ec2:*").then(Action::Delay(Duration::from_secs(2))));
        faults.add(Fault::on("ec2:*").then(Action::Hang));
        assert_eq!(
            faults.judge(&call("X", "a")),
            (Duration::from_secs(3), Some(Action::Hang))
        );
    }

    #[test]
    fn all_but_some_are_struck_for_a_time() {
        let faults = Faults::default();
        let minute = Duration::from_secs(60);
        faults.add(Fault::on("ec2:*").all_but_every(3).lasting(minute));
        let struck = |seconds: u64| {
            let mut call = call("DescribeInstances", "eu-west-1");
            call.at += Duration::from_secs(100 + seconds);
            faults.judge(&call).1.is_some()
        };
        let times = [0, 1, 2, 3, 4, 59, 60, 61];
        assert_eq!(times.map(struck), [true, true, false, true, true, false, false, false]);
    }
}
