//! What Athena has in the accounts: workgroups, tables, results that are given, and how queries go.

mod canned;
mod measured;
mod rule;
mod samples;
mod table;
mod workgroup;

use std::sync::Arc;

pub use canned::Canned;
pub(crate) use canned::CannedRows;
pub use measured::Measured;
pub use rule::{QueryError, QueryRule};
pub(crate) use table::TableColumn;
pub use table::{Table, TableError};
pub use workgroup::{Encryption, Workgroup};

use super::Quota;

/// An account, a region, or all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Scope {
    pub(crate) account: Option<String>,
    pub(crate) region: Option<String>,
}

impl Scope {
    pub(crate) fn covers(&self, account: &str, region: &str) -> bool {
        self.account.as_deref().is_none_or(|own| own == account)
            && self.region.as_deref().is_none_or(|own| own == region)
    }
}

/// A saved query.
#[derive(Clone, Debug)]
pub(crate) struct NamedQuery {
    pub(crate) id: String,
    pub(crate) account: String,
    pub(crate) name: String,
    pub(crate) database: String,
    pub(crate) text: String,
    pub(crate) workgroup: String,
}

/// A prepared statement of a workgroup.
#[derive(Clone, Debug)]
pub(crate) struct Prepared {
    pub(crate) scope: Scope,
    pub(crate) workgroup: String,
    pub(crate) name: String,
    pub(crate) text: String,
}

/// A canned result and where it holds.
#[derive(Clone, Debug)]
pub(crate) struct CannedFor {
    pub(crate) scope: Scope,
    pub(crate) text: String,
    pub(crate) result: Arc<Canned>,
}

/// Athena in all accounts.
///
/// ```
/// use aws_sim::{Account, Bucket, Estate, QueryRule, Table, Workgroup};
/// use std::time::Duration;
///
/// let mut estate = Estate::new(Account::new("111122223333"));
/// estate.bucket(Bucket::new("results").region("eu-central-1"));
/// estate.athena()
///     .workgroup(Workgroup::new("primary").output("s3://results/{accountId}/"))
///     .table(Table::new("orders").column("id", "bigint").column("name", "varchar").row(&[Some("1"), None]))
///     .rule(QueryRule::any().run(Duration::from_secs(5)));
/// ```
#[derive(Clone, Debug)]
pub struct Athena {
    pub(crate) workgroups: Vec<Workgroup>,
    pub(crate) tables: Vec<Table>,
    pub(crate) canned: Vec<CannedFor>,
    pub(crate) rules: Vec<QueryRule>,
    pub(crate) named: Vec<NamedQuery>,
    pub(crate) prepared: Vec<Prepared>,
    /// Operation (`StartQueryExecution`, `Get*`) and quota; the first that matches holds.
    pub(crate) quotas: Vec<(String, Quota)>,
    pub(crate) active_limit: Option<usize>,
    pub(crate) empty_page_every: Option<usize>,
    pub(crate) results_need_get_object: bool,
}

impl Default for Athena {
    fn default() -> Self {
        Self {
            workgroups: Vec::new(),
            tables: Vec::new(),
            canned: Vec::new(),
            rules: Vec::new(),
            named: Vec::new(),
            prepared: Vec::new(),
            quotas: Vec::new(),
            active_limit: None,
            empty_page_every: None,
            results_need_get_object: true,
        }
    }
}

impl Athena {
    /// Adds a workgroup, or replaces `primary`. The last one that holds in an account and region wins.
    pub fn workgroup(&mut self, workgroup: Workgroup) -> &mut Self {
        self.workgroups.push(workgroup);
        self
    }

    /// Adds a table.
    pub fn table(&mut self, table: Table) -> &mut Self {
        self.tables.push(table);
        self
    }

    /// Gives the result of a statement, in every account: the text exactly, but for white space around it and a `;` at
    /// its end. It also answers an UNLOAD of that statement.
    pub fn canned(&mut self, statement: &str, result: Canned) -> &mut Self {
        self.can(Scope::default(), statement, result)
    }

    /// Answers a statement as the real service was seen to, in every account: the text exactly, as for [`Athena::canned`].
    pub fn measured(&mut self, statement: &str, answer: Measured) -> &mut Self {
        let result = Canned {
            measured: Some(answer.into()),
            ..Canned::new(&[])
        };
        self.canned(statement, result)
    }

    /// The same in one account.
    pub fn canned_in(&mut self, account: &str, statement: &str, result: Canned) -> &mut Self {
        let scope = Scope {
            account: Some(account.to_owned()),
            region: None,
        };
        self.can(scope, statement, result)
    }

    fn can(&mut self, scope: Scope, statement: &str, result: Canned) -> &mut Self {
        self.canned.push(CannedFor {
            scope,
            text: trimmed(statement).to_owned(),
            result: Arc::new(result),
        });
        self
    }

    /// Adds a rule on durations, scanned bytes and failures.
    pub fn rule(&mut self, rule: QueryRule) -> &mut Self {
        self.rules.push(rule);
        self
    }

    /// Saves a query in an account, in every region. Its id is a UUID at AWS.
    pub fn named_query(&mut self, account: &str, id: &str, name: &str, database: &str, text: &str) -> &mut Self {
        self.named.push(NamedQuery {
            id: id.to_owned(),
            account: account.to_owned(),
            name: name.to_owned(),
            database: database.to_owned(),
            text: text.to_owned(),
            workgroup: "primary".to_owned(),
        });
        self
    }

    /// Prepares a statement in a workgroup, in every account and region.
    pub fn prepared_statement(&mut self, workgroup: &str, name: &str, text: &str) -> &mut Self {
        self.prepared.push(Prepared {
            scope: Scope::default(),
            workgroup: workgroup.to_owned(),
            name: name.to_owned(),
            text: text.to_owned(),
        });
        self
    }

    /// The quota of an operation (`StartQueryExecution`, `Get*`) per account and region. By default there is none.
    pub fn quota(&mut self, operation: &str, quota: Quota) -> &mut Self {
        self.quotas.insert(0, (operation.to_owned(), quota));
        self
    }

    /// AWS's own quotas of calls.
    /// <https://docs.aws.amazon.com/athena/latest/ug/service-limits.html>
    pub fn aws_quotas(&mut self) -> &mut Self {
        let quotas = [
            ("StartQueryExecution", 80.0, 20.0),
            ("StopQueryExecution", 80.0, 20.0),
            ("BatchGetQueryExecution", 40.0, 20.0),
            ("GetQueryExecution", 200.0, 100.0),
            ("GetQueryResults", 200.0, 100.0),
            ("*", 20.0, 5.0),
        ];
        for (operation, burst, per_second) in quotas {
            self.quotas.push((operation.to_owned(), Quota { burst, per_second }));
        }
        self
    }

    /// So many queries may be QUEUED or RUNNING in an account and region (AWS: 20 to 200 DML queries).
    pub fn active_limit(&mut self, queries: Option<usize>) -> &mut Self {
        self.active_limit = queries;
        self
    }

    /// Before every k-th page of GetQueryResults, and before the first, comes one that is empty and carries a token.
    pub fn empty_page_every(&mut self, pages: Option<usize>) -> &mut Self {
        self.empty_page_every = pages;
        self
    }

    /// Whether GetQueryResults asks for the caller's `s3:GetObject` on the result, as AWS does (true).
    pub fn results_need_get_object(&mut self, needed: bool) -> &mut Self {
        self.results_need_get_object = needed;
        self
    }
}

/// A statement without white space around it and without a `;` at its end.
pub(crate) fn trimmed(statement: &str) -> &str {
    statement.trim().trim_end_matches(';').trim_end()
}
