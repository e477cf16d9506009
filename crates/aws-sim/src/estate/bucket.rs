//! A bucket of S3: whose it is, where it is, and who may do what with it.

use bytes::Bytes;

use super::matches;

/// Everyone, in place of an account.
const EVERYONE: &str = "*";

/// A statement of a bucket's policy.
#[derive(Clone, Debug)]
struct Statement {
    account: String,
    action: String,
}

impl Statement {
    fn covers(&self, account: &str, action: &str) -> bool {
        (self.account == EVERYONE || self.account == account) && matches(&self.action, action)
    }
}

/// What a bucket's policy says of an account and an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Allowed,
    /// Nothing allows it.
    NotAllowed,
    /// Denied in so many words, to the owner too.
    Denied,
}

/// A bucket. Only its owner's account has access, unless its policy says more.
///
/// ```
/// use aws_sim::{Account, Bucket, Estate};
///
/// let mut estate = Estate::new(Account::new("111122223333"));
/// let results = Bucket::new("results").region("eu-central-1").shared_with("222233334444");
/// estate.bucket(results.denying("222233334444", "s3:DeleteObject").object("hello.txt", "hello"));
/// ```
#[derive(Clone, Debug)]
pub struct Bucket {
    pub(crate) name: String,
    /// Empty until the estate has given it to its management account.
    pub(crate) owner: String,
    pub(crate) region: String,
    pub(crate) objects: Vec<(String, Bytes)>,
    pub(crate) scope_is_judged: bool,
    allowed: Vec<Statement>,
    denied: Vec<Statement>,
}

impl Bucket {
    /// An empty bucket of the management account in `us-east-1`.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            owner: String::new(),
            region: "us-east-1".to_owned(),
            objects: Vec::new(),
            scope_is_judged: false,
            allowed: Vec::new(),
            denied: Vec::new(),
        }
    }

    /// The account that the bucket belongs to.
    #[must_use]
    pub fn owner(mut self, account: &str) -> Self {
        account.clone_into(&mut self.owner);
        self
    }

    /// The region that the bucket is in.
    #[must_use]
    pub fn region(mut self, region: &str) -> Self {
        region.clone_into(&mut self.region);
        self
    }

    /// The policy allows everything to another account.
    #[must_use]
    pub fn shared_with(self, account: &str) -> Self {
        self.allowing(account, "s3:*")
    }

    /// The policy allows everything to every account. Requests without a signature are refused all the same.
    #[must_use]
    pub fn shared_with_everyone(self) -> Self {
        self.shared_with(EVERYONE)
    }

    /// The policy allows an action (`s3:GetObject`, `s3:*`) to another account (`*`: to all).
    #[must_use]
    pub fn allowing(mut self, account: &str, action: &str) -> Self {
        self.allowed.push(Statement {
            account: account.to_owned(),
            action: action.to_owned(),
        });
        self
    }

    /// The policy denies an action to an account (`*`: to all); the owner is bound by it too.
    #[must_use]
    pub fn denying(mut self, account: &str, action: &str) -> Self {
        self.denied.push(Statement {
            account: account.to_owned(),
            action: action.to_owned(),
        });
        self
    }

    /// Puts an object into the bucket.
    #[must_use]
    pub fn object(mut self, key: &str, body: impl Into<Bytes>) -> Self {
        self.objects.push((key.to_owned(), body.into()));
        self
    }

    /// A request that is signed for another region gets 400 `AuthorizationHeaderMalformed`, as from the endpoint of the
    /// bucket's region, and not 301 `PermanentRedirect`, as from that of the region it is signed for.
    #[must_use]
    pub fn reached_at_its_region(mut self) -> Self {
        self.scope_is_judged = true;
        self
    }

    pub(crate) fn judge(&self, account: &str, action: &str) -> Verdict {
        let named_in = |statements: &[Statement]| statements.iter().any(|statement| statement.covers(account, action));
        if named_in(&self.denied) {
            Verdict::Denied
        } else if self.owner == account || named_in(&self.allowed) {
            Verdict::Allowed
        } else {
            Verdict::NotAllowed
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_owner_and_whom_the_policy_names() {
        let bucket = Bucket::new("b")
            .owner("1")
            .allowing("2", "s3:Get*")
            .denying("*", "s3:DeleteObject");
        assert_eq!(bucket.judge("1", "s3:PutObject"), Verdict::Allowed);
        assert_eq!(bucket.judge("1", "s3:DeleteObject"), Verdict::Denied);
        assert_eq!(bucket.judge("2", "s3:GetObject"), Verdict::Allowed);
        assert_eq!(bucket.judge("2", "s3:PutObject"), Verdict::NotAllowed);
        let open = bucket.shared_with_everyone();
        assert_eq!(open.judge("3", "s3:PutObject"), Verdict::Allowed);
        assert_eq!(open.judge("3", "s3:DeleteObject"), Verdict::Denied);
    }
}
