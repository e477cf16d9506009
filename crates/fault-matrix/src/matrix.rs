//! The matrix as data: operations, faults, and what is to become of a run in which one meets the other.

use std::time::Duration;

use aws_sim::Action;

/// The account that faults strike.
pub(crate) const STRUCK: &str = "200000000001";

/// What is to become of a run while a fault strikes every call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Always {
    /// Nothing is missing: exit code 0.
    Whole,
    /// The slices of the account end so, all others are whole: exit code 3.
    Slices(&'static str),
    /// Nothing is published: exit code 4.
    Nothing,
    /// The server is gone for all: what is complete by then is published, nothing of the account.
    Gone,
    /// Not tried: nobody could tell.
    Untold,
}

const W: Always = Always::Whole;
const N: Always = Always::Nothing;
const G: Always = Always::Gone;
const X: Always = Always::Untold;
const CRED: Always = Always::Slices("credentials");
const FAIL: Always = Always::Slices("failed");
const LATE: Always = Always::Slices("timed-out");
const SLOW: Always = Always::Slices("throttled");
const LOST: Always = Always::Slices("unreachable");

/// What is done to a call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fault {
    /// What it is called, in the command and in the page.
    pub(crate) name: &'static str,
    /// What happens, for readers.
    pub(crate) what: &'static str,
    /// What is done to the first calls.
    pub(crate) once: Strike,
    /// How many they are.
    pub(crate) times: usize,
    /// What is done to every call.
    pub(crate) always: Strike,
}

/// Makes an action.
pub(crate) type Strike = fn() -> Action;

fn error(status: u16, code: &str, message: &str) -> Action {
    Action::Error {
        status,
        code: code.to_owned(),
        message: message.to_owned(),
    }
}

fn body(status: u16, content_type: &'static str, body: &str) -> Action {
    Action::Body {
        status,
        content_type,
        body: body.to_owned(),
    }
}

const PAGE: &str = "<!DOCTYPE html>\n<html><head><title>Sign in to this network</title></head><body>…</body></html>\n";

/// Faults that any call may meet.
pub(crate) static FAULTS: [Fault; 16] = [
    Fault {
        name: "refused",
        what: "nobody listens, connections are refused; the ones that stand are reset",
        once: || Action::Refuse(Some(Duration::from_millis(40))),
        times: 1,
        always: || Action::Refuse(None),
    },
    Fault {
        name: "reset-before",
        what: "the connection is reset before the service has taken the request",
        once: || Action::Reset,
        times: 2,
        always: || Action::Reset,
    },
    Fault {
        name: "reset-after",
        what: "the service has done the work, and the connection is reset instead of answered",
        once: || Action::LoseAnswer,
        times: 2,
        always: || Action::LoseAnswer,
    },
    Fault {
        name: "hang",
        what: "no answer comes, the connection stays open",
        once: || Action::Hang,
        times: 1,
        always: || Action::Hang,
    },
    Fault {
        name: "drip",
        what: "the answer comes at a byte a second",
        once: || Action::Slow(20),
        times: 1,
        always: || Action::Slow(20),
    },
    Fault {
        name: "truncated",
        what: "the connection is closed in the middle of the answer",
        once: || Action::Truncate,
        times: 2,
        always: || Action::Truncate,
    },
    Fault {
        name: "garbage",
        what: "200 with a body that is none of the service's",
        once: || {
            body(
                200,
                "application/octet-stream",
                "\u{1}\u{2}not what was asked for\u{7f}",
            )
        },
        times: 2,
        always: || {
            body(
                200,
                "application/octet-stream",
                "\u{1}\u{2}not what was asked for\u{7f}",
            )
        },
    },
    Fault {
        name: "web-page",
        what: "200 with a web page, as networks send it that want a sign-in",
        once: || body(200, "text/html", PAGE),
        times: 2,
        always: || body(200, "text/html", PAGE),
    },
    Fault {
        name: "content-type",
        what: "the true answer under the content type text/html",
        once: || Action::ContentType("text/html"),
        times: 2,
        always: || Action::ContentType("text/html"),
    },
    Fault {
        name: "500",
        what: "500 InternalFailure",
        once: || error(500, "InternalFailure", "An internal error has occurred"),
        times: 2,
        always: || error(500, "InternalFailure", "An internal error has occurred"),
    },
    Fault {
        name: "502-html",
        what: "502 with a web page, as proxies send it",
        once: || body(502, "text/html", PAGE),
        times: 2,
        always: || body(502, "text/html", PAGE),
    },
    Fault {
        name: "503-slow-down",
        what: "503 SlowDown",
        once: || error(503, "SlowDown", "Please reduce your request rate."),
        times: 2,
        always: || error(503, "SlowDown", "Please reduce your request rate."),
    },
    Fault {
        name: "throttled",
        what: "the service's own throttling",
        once: || Action::Throttle,
        times: 2,
        always: || Action::Throttle,
    },
    Fault {
        name: "retry-after",
        what: "the same with Retry-After: 3",
        once: || Action::ThrottleFor(3),
        times: 2,
        always: || Action::ThrottleFor(3),
    },
    Fault {
        name: "expired",
        what: "the session has ended before its time",
        once: || Action::Expired,
        times: 1,
        always: || Action::Expired,
    },
    Fault {
        name: "skewed",
        what: "the date of the signature is refused, although the clocks agree",
        once: || Action::Skewed,
        times: 1,
        always: || Action::Skewed,
    },
];

/// Faults of listings.
pub(crate) static PAGE_FAULTS: [Fault; 4] = [
    Fault {
        name: "empty-page",
        what: "an empty page with a token comes before a page",
        once: || Action::EmptyPage,
        times: 2,
        always: || Action::EmptyPage,
    },
    Fault {
        name: "repeated-page",
        what: "a page comes twice, with other tokens",
        once: || Action::RepeatPage,
        times: 1,
        always: || Action::RepeatPage,
    },
    Fault {
        name: "repeated-token",
        what: "a page names itself as the next one",
        once: || Action::RepeatToken,
        times: 2,
        always: || Action::RepeatToken,
    },
    Fault {
        name: "endless-tokens",
        what: "every page, empty ones in the end, is followed by another one",
        once: || Action::EndlessTokens,
        times: 2,
        always: || Action::EndlessTokens,
    },
];

/// The run in which an operation is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scene {
    /// `ec2-connector`, with an access key.
    Ec2,
    /// `ec2-connector`, signed in at the identity provider.
    Ec2Oidc,
    /// `athena-connector`, rows page by page.
    Pages,
    /// The same, signed in at the identity provider.
    PagesOidc,
    /// `athena-connector`, rows from the result object.
    Object,
    /// `athena-connector`, a query that does not end and is stopped at its deadline.
    Endless,
}

/// Whose calls are struck.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whose {
    /// Those of the run as a whole.
    All,
    /// Those that the master account makes.
    Master,
    /// Those that the account makes.
    Account,
    /// Those that assume the account's role.
    Role,
}

/// An operation, and what is to become of its run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    /// `service:operation`
    pub(crate) call: &'static str,
    /// What it is for, where an operation is called for several purposes.
    pub(crate) purpose: &'static str,
    pub(crate) whose: Whose,
    /// The runs in which it is tried.
    pub(crate) scenes: &'static [Scene],
    /// What the account's slices are when nothing goes wrong.
    pub(crate) at_best: Always,
    /// What is to become of it while each of [`FAULTS`] strikes every call, in their order.
    pub(crate) always: [Always; 16],
    /// The same for [`PAGE_FAULTS`]: while it strikes the first calls, and every call.
    pub(crate) pages: Option<[(Always, Always); 4]>,
}

use Scene::*;

/// A sign-in or a listing that fails leaves nothing to collect from.
const NOTHING: [Always; 16] = [N, N, N, N, N, N, N, N, W, N, N, N, N, N, N, N];
/// An account that cannot be reached: the hop is in the ledger, with its cause.
const HOP: [Always; 16] = [
    G, CRED, CRED, CRED, CRED, CRED, CRED, CRED, W, CRED, CRED, CRED, CRED, CRED, CRED, CRED,
];
/// A call of a slice.
const SLICE: [Always; 16] = [
    G, LOST, LOST, LATE, LATE, LOST, FAIL, FAIL, W, FAIL, LOST, SLOW, SLOW, SLOW, CRED, CRED,
];
/// Half a listing is none; one page more is no harm.
const LISTING: [(Always, Always); 4] = [(W, W), (W, W), (N, N), (W, N)];

/// Every operation. Of `sts:AssumeRoleWithWebIdentity` and the identity provider no call is signed, so nothing of them can
/// expire.
pub(crate) static ROWS: [Row; 16] = [
    Row {
        call: "idp:Token",
        purpose: "the token endpoint of the identity provider",
        whose: Whose::All,
        scenes: &[Ec2Oidc, PagesOidc],
        at_best: W,
        always: NOTHING,
        pages: None,
    },
    Row {
        call: "sts:AssumeRoleWithWebIdentity",
        purpose: "",
        whose: Whose::All,
        scenes: &[Ec2Oidc, PagesOidc],
        at_best: W,
        always: NOTHING,
        pages: None,
    },
    Row {
        call: "sts:GetCallerIdentity",
        purpose: "of the sign-in",
        whose: Whose::Master,
        scenes: &[Ec2, Pages],
        at_best: W,
        always: NOTHING,
        pages: None,
    },
    Row {
        call: "organizations:ListRoots",
        purpose: "",
        whose: Whose::All,
        scenes: &[Ec2, Pages],
        at_best: W,
        always: NOTHING,
        // There is one root, and so one page.
        pages: Some([(W, W), (W, W), (N, N), (W, N)]),
    },
    Row {
        call: "organizations:ListOrganizationalUnitsForParent",
        purpose: "",
        whose: Whose::All,
        scenes: &[Ec2, Pages],
        at_best: W,
        always: NOTHING,
        pages: Some(LISTING),
    },
    Row {
        call: "organizations:ListAccountsForParent",
        purpose: "",
        whose: Whose::All,
        scenes: &[Ec2, Pages],
        at_best: W,
        always: NOTHING,
        pages: Some(LISTING),
    },
    Row {
        call: "sts:AssumeRole",
        purpose: "of the account's role",
        whose: Whose::Role,
        scenes: &[Ec2, Pages],
        at_best: W,
        always: HOP,
        pages: None,
    },
    Row {
        call: "sts:GetCallerIdentity",
        purpose: "of the account's session",
        whose: Whose::Account,
        scenes: &[Ec2, Pages],
        at_best: W,
        always: HOP,
        pages: None,
    },
    Row {
        call: "ec2:DescribeRegions",
        purpose: "",
        whose: Whose::Account,
        scenes: &[Ec2],
        at_best: W,
        always: SLICE,
        pages: None,
    },
    Row {
        call: "ec2:DescribeInstances",
        purpose: "",
        whose: Whose::Account,
        scenes: &[Ec2],
        at_best: W,
        always: SLICE,
        pages: Some([(W, W), (W, W), (FAIL, FAIL), (W, LATE)]),
    },
    Row {
        call: "athena:GetWorkGroup",
        purpose: "",
        whose: Whose::Account,
        scenes: &[Pages],
        at_best: W,
        always: SLICE,
        pages: None,
    },
    Row {
        call: "athena:StartQueryExecution",
        purpose: "",
        whose: Whose::Account,
        scenes: &[Pages],
        at_best: W,
        always: SLICE,
        pages: None,
    },
    Row {
        call: "athena:GetQueryExecution",
        purpose: "",
        whose: Whose::Account,
        scenes: &[Pages],
        at_best: W,
        always: SLICE,
        pages: None,
    },
    Row {
        call: "athena:GetQueryResults",
        purpose: "",
        whose: Whose::Account,
        scenes: &[Pages],
        at_best: W,
        always: SLICE,
        // Rows of a query have no key: two that are alike are two rows.
        pages: Some([(W, W), (X, X), (FAIL, FAIL), (W, LATE)]),
    },
    Row {
        call: "s3:GetObject",
        purpose: "",
        whose: Whose::Account,
        scenes: &[Object],
        at_best: W,
        always: SLICE,
        pages: None,
    },
    Row {
        call: "athena:StopQueryExecution",
        purpose: "of a query beyond its deadline",
        whose: Whose::Account,
        scenes: &[Endless],
        at_best: LATE,
        always: [
            G, LATE, LATE, LATE, LATE, LATE, LATE, LATE, LATE, LATE, LATE, LATE, LATE, LATE, LATE, LATE,
        ],
        pages: None,
    },
];

/// Clocks that are wrong: seconds that the machine's is ahead.
pub(crate) const CLOCKS: [i64; 4] = [-7200, -600, 600, 7200];
