//! Athena in the named estates: a results bucket and a workgroup in each account, and a table to ask.

use std::time::Duration;

use super::{QueryRule, Table, Workgroup};
use crate::estate::{Bucket, Estate};

/// Orders with everything that is easily confused: NULL and the empty text, quotes, line breaks, other alphabets.
const ORDERS: &str = "\
order_id,customer,note,amount,paid,ordered_on,updated_at
1001,Ann,,19.90,true,2026-01-05,2026-01-05 09:12:44.120
1002,Bob,\"said \"\"thanks\"\"\",250.00,true,2026-01-05,2026-01-06 10:00:00.000
1003,Zoë,\"\",0.05,false,2026-01-09,2026-01-09 23:59:59.999
1004,山田,\"two
lines\",1200.10,true,2026-02-01,
1005,,\"a, b\",,false,2026-02-14,2026-02-15 00:00:00.000
1006,Ann,gift,75.25,true,2026-02-28,2026-03-01 12:30:00.500
";

impl Estate {
    /// In the named estates: the workgroup of every account that has an output location.
    pub const WORKGROUP: &'static str = "analysts";
    /// In the named estates: the results bucket of every account.
    pub const RESULTS_BUCKET: &'static str = "athena-results-{accountId}";

    /// The tables that Athena has in some account, as `default.orders`.
    #[must_use]
    pub fn table_names(&self) -> Vec<String> {
        let names = self
            .athena
            .tables
            .iter()
            .map(|table| format!("{}.{}", table.database, table.name));
        names.collect::<std::collections::BTreeSet<_>>().into_iter().collect()
    }

    /// A bucket for results in every account, and the workgroup that writes there. `primary` has no output location, as
    /// in a new account.
    pub(in crate::estate) fn results_everywhere(&mut self) {
        for id in self.account_ids() {
            let name = Self::RESULTS_BUCKET.replace("{accountId}", &id);
            self.bucket(Bucket::new(&name).owner(&id).region("eu-central-1"));
        }
        let workgroup = Workgroup::new(Self::WORKGROUP).output(&format!("s3://{}/", Self::RESULTS_BUCKET));
        self.athena().workgroup(workgroup);
    }

    /// The table `orders`, and queries that take about a second.
    pub(in crate::estate) fn sample_tables(&mut self) {
        let types = [("amount", "decimal(10,2)"), ("updated_at", "timestamp")];
        // The text stands above.
        if let Ok(orders) = Table::from_csv_with("orders", ORDERS, &types) {
            self.athena().table(orders);
        }
        let pace = QueryRule::any()
            .queue(Duration::from_millis(150))
            .run(Duration::from_millis(700));
        self.athena().rule(pace);
    }
}
