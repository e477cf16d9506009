//! One cell: a run in which one operation meets one fault, and what became of it.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use aws_sim::{Action, Clock, Fault as Rule, Sim};
use aws_smithy_async::rt::sleep::SharedAsyncSleep;
use connector_testing::{Faster, Outcome};
use serde_json::Value as Json;

use crate::estate::{Limits, MASTER, Prepared, Rows, estate, expected, published};
use crate::matrix::{Always, CLOCKS, FAULTS, Fault, PAGE_FAULTS, ROWS, Row, STRUCK, Scene, Whose};

/// Runs and simulator are so many times as fast as the machine's clock; all limits are what they are by default.
const TIMES: u32 = 20;
/// A run may end so much later than its deadline; real time.
const GRACE: Duration = Duration::from_secs(2);
/// By default.
const LIMITS: Limits = Limits {
    call: 180,
    slice: 600,
    run: 900,
};
/// Where a fault lasts until a limit is reached.
const SHORT: Limits = Limits {
    call: 60,
    slice: 100,
    run: 200,
};

/// How long the fault lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Once,
    Always,
}

/// A run to be, and what is to become of it.
#[derive(Clone, Copy, Debug)]
pub struct Cell {
    scene: Scene,
    what: What,
    declared: Always,
}

#[derive(Clone, Copy, Debug)]
enum What {
    Strikes(&'static Row, &'static Fault, Form),
    /// The machine's clock is so many seconds ahead.
    Clock(i64),
}

/// What became of a cell's run.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// Real time.
    pub took: Duration,
    /// In words.
    pub became: String,
    /// What is not as declared.
    pub wrong: Option<String>,
}

/// All cells, in the order of the table.
pub fn cells() -> Vec<Cell> {
    let of_rows = ROWS.iter().flat_map(|row| {
        let scenes = row.scenes.iter();
        scenes.flat_map(move |scene| cells_of(row, *scene))
    });
    of_rows.chain(cells_of_clocks()).collect()
}

/// A few of them: all operations and all faults are among them.
pub fn some_cells() -> Vec<Cell> {
    let mut some = Vec::new();
    for (number, row) in ROWS.iter().enumerate() {
        let cells = cells_of(row, row.scenes[0]);
        // An operation that cannot meet the fault whose turn it is meets the one before.
        let turns = (0..=number).rev().map(|turn| FAULTS[turn].name);
        let fault = turns
            .into_iter()
            .find(|name| cells.iter().any(|cell| cell.fault() == *name));
        some.extend(cells.into_iter().filter(|cell| Some(cell.fault()) == fault));
    }
    for (number, fault) in PAGE_FAULTS.iter().enumerate() {
        let rows = ROWS.iter().filter(|row| row.pages.is_some());
        if let Some(row) = rows.cycle().nth(number + 2) {
            let cells = cells_of(row, row.scenes[0]).into_iter();
            some.extend(cells.filter(|cell| cell.fault() == fault.name));
        }
    }
    some.extend(cells_of_clocks().into_iter().step_by(5));
    some
}

fn cells_of(row: &'static Row, scene: Scene) -> Vec<Cell> {
    let of_calls = FAULTS.iter().zip(row.always).filter(|(fault, _)| fault.strikes(row));
    let of_calls = of_calls.map(|(fault, always)| (fault, row.at_best, always));
    let pages = PAGE_FAULTS.iter().zip(row.pages.into_iter().flatten());
    let of_pages = pages.map(|(fault, (once, always))| (fault, once, always));
    let both = of_calls.chain(of_pages).flat_map(|(fault, once, always)| {
        [(Form::Once, once), (Form::Always, always)].map(|(form, declared)| Cell {
            scene,
            what: What::Strikes(row, fault, form),
            declared,
        })
    });
    both.filter(|cell| cell.declared != Always::Untold).collect()
}

fn cells_of_clocks() -> Vec<Cell> {
    let scenes = [
        Scene::Ec2,
        Scene::Ec2Oidc,
        Scene::Pages,
        Scene::PagesOidc,
        Scene::Object,
    ];
    let cell = |scene, ahead| Cell {
        scene,
        what: What::Clock(ahead),
        declared: Always::Whole,
    };
    scenes
        .into_iter()
        .flat_map(|scene| CLOCKS.map(|ahead| cell(scene, ahead)))
        .collect()
}

/// Tries cells, so many side by side, and tells of each when it and all before it have been tried.
pub fn try_all(cells: Vec<Cell>, at_once: usize, mut tell: impl FnMut(Cell, Verdict)) {
    let queue = Mutex::new(cells.iter().copied().enumerate());
    let (sender, receiver) = mpsc::channel();
    std::thread::scope(|scope| {
        for _ in 0..at_once {
            let (sender, queue) = (sender.clone(), &queue);
            scope.spawn(move || {
                loop {
                    let next = queue.lock().unwrap().next();
                    let Some((number, cell)) = next else { return };
                    let _ = sender.send((number, cell.attempt()));
                }
            });
        }
        drop(sender);
        let mut verdicts = vec![None; cells.len()];
        let mut told = 0;
        for (number, verdict) in receiver {
            verdicts[number] = Some(verdict);
            while let Some(verdict) = verdicts.get_mut(told).and_then(Option::take) {
                tell(cells[told], verdict);
                told += 1;
            }
        }
    });
}

impl Cell {
    /// `athena:GetWorkGroup, hang, once`, with the run and what is declared.
    pub fn name(&self) -> String {
        let what = match self.what {
            What::Strikes(row, fault, form) => {
                let purpose = match row.purpose {
                    "" => String::new(),
                    purpose => format!(" {purpose}"),
                };
                format!(
                    "{}{purpose}, {}, {}",
                    row.call,
                    fault.name,
                    format!("{form:?}").to_lowercase()
                )
            }
            What::Clock(ahead) => format!("clock {ahead} s ahead"),
        };
        format!("{what} ({:?}): {}", self.scene, self.declared.words())
    }

    fn fault(&self) -> &'static str {
        match self.what {
            What::Strikes(_, fault, _) => fault.name,
            What::Clock(_) => "clock",
        }
    }

    /// Tries the cell.
    pub fn attempt(self) -> Verdict {
        let start = Instant::now();
        let (became, wrong) = match catch_unwind(AssertUnwindSafe(|| self.run())) {
            Ok(found) => found,
            Err(panic) => {
                let text = panic.downcast_ref::<String>().cloned();
                let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
                ("a panic".to_owned(), Some(text.unwrap_or_default()))
            }
        };
        Verdict {
            took: start.elapsed(),
            became,
            wrong,
        }
    }

    fn run(self) -> (String, Option<String>) {
        let sim = Sim::start_at(estate(self.scene), Clock::fast(TIMES), 0, 1).unwrap();
        let (mut limits, mut ahead, mut rule) = (LIMITS, 0, None);
        match self.what {
            What::Strikes(row, fault, form) => {
                let action = match form {
                    Form::Once => (fault.once)(),
                    Form::Always => (fault.always)(),
                };
                let lasts = matches!(action, Action::Hang | Action::Slow(_) | Action::EndlessTokens);
                if form == Form::Always && lasts {
                    limits = SHORT;
                }
                let strikes = row.whose.rule(row.call).then(action);
                rule = Some(sim.faults().add(match form {
                    Form::Once => strikes.first(fault.times),
                    Form::Always => strikes,
                }));
            }
            What::Clock(seconds) => ahead = seconds,
        }
        let start = Instant::now();
        let sleep = SharedAsyncSleep::new(Faster(TIMES));
        let outcome = Prepared::new(self.scene, &sim, limits).clock_ahead(ahead).run(sleep);
        let took = start.elapsed();
        let mut wrong = self.judge(&outcome, &sim);
        let acted = rule.map_or(1, |rule| sim.faults().acted(rule));
        let most = Duration::from_secs(u64::from(limits.run)) / TIMES + GRACE;
        let checks = [
            (acted == 0, "the fault has struck no call".to_owned()),
            (took > most, format!("it took {took:?}, and {most:?} are its limit")),
            (
                outcome.ledger_text().contains("a defect of the program"),
                "a panic".to_owned(),
            ),
            (
                !outcome.leftovers().is_empty(),
                format!("left: {:?}", outcome.leftovers()),
            ),
        ];
        wrong.extend(checks.into_iter().filter(|(fails, _)| *fails).map(|(_, why)| why));
        let wrong = (!wrong.is_empty()).then(|| format!("{}\n       {}", wrong.join("; "), causes(&outcome)));
        (became(&outcome), wrong)
    }

    /// What is not as it was declared.
    fn judge(&self, outcome: &Outcome, sim: &Sim) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut demand = |holds: bool, what: &str| {
            if !holds {
                wrong.push(what.to_owned());
            }
        };
        let all = expected(self.scene, sim);
        let others: Rows = all
            .clone()
            .into_iter()
            .filter(|((account, _), _)| account != STRUCK)
            .collect();
        let found = published(outcome);
        let slices = slices(outcome);
        let of_struck: BTreeSet<&str> = slices
            .iter()
            .filter(|(account, how)| account == STRUCK && how != "skipped")
            .map(|(_, how)| how.as_str())
            .collect();
        match self.declared {
            Always::Whole => {
                demand(outcome.code == 0, "the exit code is not 0");
                demand(found == all, "rows are missing or doubled");
            }
            Always::Slices(how) => {
                demand(outcome.code == 3, "the exit code is not 3");
                demand(found == others, "rows of the others are missing or doubled");
                demand(
                    of_struck == BTreeSet::from([how]),
                    "the account's slices have another outcome",
                );
            }
            Always::Nothing => {
                demand(outcome.code == 4, "the exit code is not 4");
                demand(!outcome.has_output(), "something was published");
                demand(outcome.ledger()["cause"]["message"].is_string(), "no cause is told");
            }
            Always::Gone => {
                demand(matches!(outcome.code, 3 | 4), "the exit code is neither 3 nor 4");
                demand(
                    !found.keys().any(|(account, _)| account == STRUCK),
                    "the account has rows",
                );
                demand(
                    found.iter().all(|(slice, rows)| all.get(slice) == Some(rows)),
                    "a slice is not whole",
                );
                let no_answer = ["complete", "skipped", "credentials", "timed-out", "unreachable"];
                demand(
                    slices.iter().all(|(_, how)| no_answer.contains(&how.as_str())),
                    "a slice has another outcome",
                );
            }
            Always::Untold => {}
        }
        if let What::Clock(_) = self.what {
            let ledger = outcome.ledger();
            let warnings = ledger["warnings"].as_array().unwrap().iter();
            let told = warnings.filter(|warning| warning.as_str().unwrap_or_default().contains("clock"));
            demand(told.count() == 1, "the clock is not told of, or more than once");
        }
        wrong
    }
}

impl Fault {
    /// Whether there is such a thing for an operation: what is not signed does not expire.
    pub(crate) fn strikes(&self, row: &Row) -> bool {
        let unsigned = ["idp:Token", "sts:AssumeRoleWithWebIdentity"].contains(&row.call);
        !(unsigned && ["expired", "skewed"].contains(&self.name))
    }
}

impl Whose {
    fn rule(self, call: &str) -> Rule {
        let rule = Rule::on(call);
        match self {
            Self::All => rule,
            Self::Master => rule.account(MASTER),
            Self::Account => rule.account(STRUCK),
            Self::Role => rule.parameter("RoleArn", &format!("arn:aws:iam::{STRUCK}:role/inventory")),
        }
    }
}

impl Always {
    /// For the page and the command.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Whole => "complete",
            Self::Slices(how) => how,
            Self::Nothing => "nothing published",
            Self::Gone => "gone",
            Self::Untold => "–",
        }
    }
}

/// Account and outcome of every slice.
fn slices(outcome: &Outcome) -> Vec<(String, String)> {
    let ledger: Json = serde_json::from_str(&outcome.ledger_text()).unwrap_or_default();
    let slices = ledger["slices"].as_array().cloned().unwrap_or_default();
    let text = |slice: &Json, name: &str| slice[name].as_str().unwrap_or_default().to_owned();
    slices
        .iter()
        .map(|slice| (text(slice, "account_id"), text(slice, "outcome")))
        .collect()
}

/// In a few words.
fn became(outcome: &Outcome) -> String {
    let of_struck = slices(outcome)
        .into_iter()
        .filter(|(account, how)| account == STRUCK && how != "skipped");
    let of_struck: BTreeSet<String> = of_struck.map(|(_, how)| how).collect();
    let of_struck: Vec<String> = of_struck.into_iter().collect();
    format!("exit {} {}", outcome.code, of_struck.join(", "))
}

/// Why slices have failed, each cause once.
fn causes(outcome: &Outcome) -> String {
    let ledger: Json = serde_json::from_str(&outcome.ledger_text()).unwrap_or_default();
    let slices = ledger["slices"].as_array().cloned().unwrap_or_default();
    let causes = slices
        .iter()
        .chain([&ledger])
        .filter(|place| place["cause"].is_object());
    let causes: BTreeSet<String> = causes
        .map(|place| {
            let cause = &place["cause"];
            let account = place["account_id"].as_str().unwrap_or("run");
            format!(
                "[{account}] {} {} {}",
                cause["operation"], cause["code"], cause["message"]
            )
        })
        .collect();
    format!(
        "exit {}; {}",
        outcome.code,
        causes.into_iter().collect::<Vec<_>>().join("; ")
    )
}
