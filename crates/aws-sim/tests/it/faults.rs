//! Faults on purpose, the clock that calls move, and the count of connections.

use std::io::{ErrorKind, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant, UNIX_EPOCH};

use aws_sim::{Account, Action, Clock, Estate, Fault, Sim};

use super::client::{Keys, MANAGEMENT, Signing, ec2, organizations, signed, sts};

const WHO: &str = "Action=GetCallerIdentity&Version=2011-06-15";

async fn started(change: impl FnOnce(&mut Estate)) -> (Sim, Keys) {
    let mut estate = Estate::new(Account::new(MANAGEMENT).instances("us-east-1", 50));
    let keys = estate.user(MANAGEMENT, "ann").into();
    change(&mut estate);
    let clock = Clock::manual(UNIX_EPOCH + Duration::from_secs(1_800_000_000));
    (Sim::start(estate, clock).await.unwrap(), keys)
}

#[tokio::test]
async fn errors_and_throttling_in_the_services_own_form() {
    let (sim, keys) = started(|_| {}).await;
    let rule = sim
        .faults()
        .add(Fault::on("sts:*").error(503, "ServiceUnavailable", "later").first(1));
    sim.faults()
        .add(Fault::on("ec2:DescribeInstances").region("us-east-1").every(2));
    assert_eq!(
        sts(&sim, &keys, "Action=GetCallerIdentity").error(),
        (503, "ServiceUnavailable".into(), "later".into())
    );
    assert_eq!(sts(&sim, &keys, "Action=GetCallerIdentity").status, 200);
    assert_eq!(sim.faults().acted(rule), 1);
    let statuses = [(); 4].map(|()| ec2(&sim, &keys, "us-east-1", "Action=DescribeInstances").status);
    assert_eq!(statuses, [200, 503, 200, 503]);
    assert_eq!(ec2(&sim, &keys, "us-west-2", "Action=DescribeInstances").status, 200);
    sim.faults().clear();
    assert_eq!(ec2(&sim, &keys, "us-east-1", "Action=DescribeInstances").status, 200);
}

#[tokio::test]
async fn connections_that_break() {
    let (sim, keys) = started(|_| {}).await;
    let ask = |form: &str, service: &str| signed(&sim, &keys, service, "us-east-1", None, form, &Signing::default());
    sim.faults()
        .add(Fault::on("sts:GetCallerIdentity").then(Action::Reset).first(1));
    assert_eq!(ask(WHO, "sts").unwrap_err().kind(), ErrorKind::ConnectionReset);
    sim.faults()
        .add(Fault::on("ec2:DescribeInstances").then(Action::Truncate).first(1));
    let form = "Action=DescribeInstances&Version=2016-11-15";
    assert_eq!(ask(form, "ec2").unwrap_err().kind(), ErrorKind::UnexpectedEof);
    assert_eq!(ask(form, "ec2").unwrap().status, 200);
    let calls = sim.calls();
    assert_eq!(calls.iter().map(|call| call.status).collect::<Vec<_>>(), [0, 200, 200]);
}

#[tokio::test]
async fn pages_of_proxies_and_delays() {
    let (sim, keys) = started(|_| {}).await;
    sim.faults().add(Fault::on("*").html(200).first(1));
    let page = sts(&sim, &keys, "Action=GetCallerIdentity");
    assert_eq!(
        (page.status, page.headers["content-type"].as_str()),
        (200, "text/html; charset=utf-8")
    );
    sim.faults()
        .add(Fault::on("sts:*").then(Action::Delay(Duration::from_millis(80))));
    let start = Instant::now();
    assert_eq!(sts(&sim, &keys, "Action=GetCallerIdentity").status, 200);
    assert!(start.elapsed() >= Duration::from_millis(80));
}

#[tokio::test]
async fn a_call_that_hangs_is_in_the_record_while_it_hangs() {
    let (sim, keys) = started(|_| {}).await;
    sim.faults().add(Fault::on("sts:*").then(Action::Hang));
    let (sim, keys) = (&sim, &keys);
    std::thread::scope(|scope| {
        let hanging = scope.spawn(|| signed(sim, keys, "sts", "us-east-1", None, WHO, &Signing::default()));
        while sim.count("sts:GetCallerIdentity") == 0 {
            std::thread::yield_now();
        }
        assert_eq!(sim.calls()[0].status, 0);
        assert!(!hanging.is_finished());
        sim.stop();
        assert!(hanging.join().unwrap().is_err());
    });
}

#[tokio::test]
async fn calls_can_move_the_clock() {
    let (sim, keys) = started(|estate| {
        estate.tick("ec2:DescribeInstances", Duration::from_secs(600));
    })
    .await;
    let before = sim.clock().unix();
    for _ in 0..18 {
        assert_eq!(ec2(&sim, &keys, "us-east-1", "Action=DescribeInstances").status, 200);
        sts(&sim, &keys, "Action=GetCallerIdentity");
    }
    assert_eq!(sim.clock().unix() - before, 3 * 3600);
    assert_eq!(sim.counts()["ec2:DescribeInstances"], 18);
}

#[tokio::test]
async fn latency_of_one_account_and_region() {
    let slow = Duration::from_millis(60);
    let (sim, keys) = started(|estate| {
        estate.change_account(MANAGEMENT, |account| account.latency("us-east-1", slow));
    })
    .await;
    let took = |region: &str| {
        let start = Instant::now();
        ec2(&sim, &keys, region, "Action=DescribeRegions");
        start.elapsed()
    };
    assert!(took("us-east-1") >= slow);
    assert_eq!(sts(&sim, &keys, "Action=GetCallerIdentity").status, 200);
}

#[tokio::test]
async fn connections_are_counted() {
    let (sim, keys) = started(|_| {}).await;
    let mut idle: Vec<TcpStream> = (0..3).map(|_| TcpStream::connect(sim.address()).unwrap()).collect();
    for stream in &mut idle {
        stream.write_all(b"POST").unwrap();
    }
    sts(&sim, &keys, "Action=GetCallerIdentity");
    let connections = sim.connections();
    assert_eq!((connections.accepted, connections.peak), (4, 4));
}

#[tokio::test]
async fn throttling_that_says_how_long_sessions_that_end_and_dates_that_are_refused() {
    let (sim, keys) = started(|_| {}).await;
    for action in [Action::ThrottleFor(7), Action::Expired, Action::Skewed] {
        sim.faults()
            .add(Fault::on("sts:GetCallerIdentity").first(1).then(action));
    }
    let throttled = sts(&sim, &keys, "Action=GetCallerIdentity");
    assert_eq!(
        (throttled.code().as_str(), throttled.headers["retry-after"].as_str()),
        ("Throttling", "7")
    );
    assert_eq!(sts(&sim, &keys, "Action=GetCallerIdentity").code(), "ExpiredToken");
    let (status, code, message) = sts(&sim, &keys, "Action=GetCallerIdentity").error();
    assert_eq!((status, code.as_str()), (403, "SignatureDoesNotMatch"));
    assert!(message.starts_with("Signature expired: "), "{message}");
    assert_eq!(sts(&sim, &keys, "Action=GetCallerIdentity").status, 200);
}

#[tokio::test]
async fn a_server_that_is_gone_for_a_while() {
    let (sim, keys) = started(|_| {}).await;
    let gone = Duration::from_millis(300);
    sim.faults()
        .add(Fault::on("sts:*").first(1).then(Action::Refuse(Some(gone))));
    let ask = || signed(&sim, &keys, "sts", "us-east-1", None, WHO, &Signing::default());
    let start = Instant::now();
    assert_eq!(ask().unwrap_err().kind(), ErrorKind::ConnectionReset);
    let mut refused = 0;
    while let Err(error) = ask() {
        refused += usize::from(error.kind() == ErrorKind::ConnectionRefused);
    }
    assert!(
        refused > 0 && start.elapsed() >= gone,
        "{refused} in {:?}",
        start.elapsed()
    );
}

#[tokio::test]
async fn another_content_type() {
    let (sim, keys) = started(|_| {}).await;
    sim.faults()
        .add(Fault::on("sts:*").then(Action::ContentType("text/html")));
    let answer = sts(&sim, &keys, "Action=GetCallerIdentity");
    assert_eq!(answer.headers["content-type"], "text/html");
    assert_eq!(answer.tag("Account").as_deref(), Some(MANAGEMENT));
}

/// The instances of all pages, up to the twentieth, and how the pages ended: with the last token.
fn instances(sim: &Sim, keys: &Keys) -> (Vec<usize>, Option<String>) {
    let (mut sizes, mut token) = (Vec::new(), None::<String>);
    while sizes.len() < 20 {
        let next = token.map_or_else(String::new, |token| format!("&NextToken={token}"));
        let page = ec2(
            sim,
            keys,
            "us-east-1",
            &format!("Action=DescribeInstances&MaxResults=25{next}"),
        );
        assert_eq!(page.status, 200, "{}", page.body);
        sizes.push(page.all("instanceId").len());
        token = page.tag("nextToken");
        if token.is_none() {
            break;
        }
    }
    (sizes, token)
}

#[tokio::test]
async fn pages_that_are_empty_come_twice_name_themselves_or_have_no_end() {
    let (sim, keys) = started(|_| {}).await;
    // Instances of one reservation stay together, so pages are not all of the same size.
    let (pages, _) = instances(&sim, &keys);
    let rows: usize = pages.iter().sum();
    assert!(rows == 50 && pages.len() > 1, "{pages:?}");
    let twice: Vec<usize> = pages.iter().flat_map(|page| [*page; 2]).collect();
    let empty_first: Vec<usize> = pages.iter().flat_map(|page| [0, *page]).collect();
    for (action, acts, expected, ends) in [
        (Action::EmptyPage, 1, [&[0], &pages[..]].concat(), true),
        (Action::EmptyPage, 99, empty_first, true),
        (Action::RepeatPage, 1, [&pages[..1], &pages[..]].concat(), true),
        (Action::RepeatPage, 99, twice, true),
        (Action::RepeatToken, 99, [&pages[..1], &[pages[1]; 19]].concat(), false),
    ] {
        let (sim, keys) = started(|_| {}).await;
        sim.faults()
            .add(Fault::on("ec2:DescribeInstances").first(acts).then(action.clone()));
        let (found, token) = instances(&sim, &keys);
        assert_eq!((found, token.is_none()), (expected, ends), "{action:?} {acts}");
    }
    let (sim, keys) = started(|_| {}).await;
    sim.faults()
        .add(Fault::on("ec2:DescribeInstances").then(Action::EndlessTokens));
    let (found, token) = instances(&sim, &keys);
    assert_eq!((found[0], found[1..].iter().sum::<usize>()), (pages[0], 0));
    assert!(token.is_some());
}

#[tokio::test]
async fn listings_in_json_too() {
    let (sim, keys) = started(|estate| {
        let root = estate.root_id();
        estate.account(root, Account::new("222233334444"));
    })
    .await;
    let list = |token: Option<String>| {
        let token = token.map_or_else(String::new, |token| format!(r#","NextToken":"{token}""#));
        let input = format!(r#"{{"MaxResults":1{token}}}"#);
        let page = organizations(&sim, &keys, "ListAccounts", &input).json();
        let ids = page["Accounts"].as_array().unwrap().iter();
        let ids: Vec<String> = ids.map(|one| one["Id"].as_str().unwrap().to_owned()).collect();
        (ids, page["NextToken"].as_str().map(str::to_owned))
    };
    sim.faults()
        .add(Fault::on("organizations:*").first(1).then(Action::RepeatPage));
    let (first, token) = list(None);
    let (again, token) = list(token);
    let (last, end) = list(token);
    assert_eq!((&first, last.len(), end), (&again, 1, None));
    assert_ne!(first, last);
}
