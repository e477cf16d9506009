//! Runs a query at Athena and downloads its result object by ranges, several at a time, and drops the bytes: what the way from
//! S3 costs, whatever is done with the rows. `bare-download QUERY WORKGROUP` prints the number of bytes.

#![expect(clippy::print_stdout, reason = "it is a program")]

use std::time::Duration;

use aws_sdk_athena::types::QueryExecutionState;
use bench_tools::Anything;
use tokio::task::JoinSet;

/// As the connector reads: five ranges of 4 MiB at a time.
const RANGE: u64 = 4 * 1024 * 1024;
const AT_ONCE: usize = 5;
/// Between two looks at a query.
const PAUSE: Duration = Duration::from_millis(50);

#[tokio::main]
async fn main() -> Result<(), Anything> {
    let [query, workgroup] = arguments()?;
    let config = bench_tools::configuration().await?;
    let location = result(&aws_sdk_athena::Client::new(&config), query, workgroup).await?;
    let (bucket, key) = location
        .strip_prefix("s3://")
        .and_then(|rest| rest.split_once('/'))
        .ok_or("the result lies at no place in S3")?;
    // As for an endpoint on loopback: buckets have no names there.
    let config = aws_sdk_s3::config::Builder::from(&config)
        .force_path_style(true)
        .build();
    let client = aws_sdk_s3::Client::from_conf(config);
    let size = client
        .head_object()
        .bucket(bucket)
        .key(key)
        .send()
        .await?
        .content_length();
    let size = size.unwrap_or_default().unsigned_abs();
    let mut ranges = (0..size)
        .step_by(RANGE as usize)
        .map(|start| (start, size.min(start + RANGE)));
    let mut reading = JoinSet::new();
    let mut bytes = 0;
    loop {
        for (start, end) in ranges.by_ref().take(AT_ONCE - reading.len()) {
            let get = client.get_object().bucket(bucket).key(key);
            let get = get.range(format!("bytes={start}-{}", end - 1));
            reading.spawn(read(get));
        }
        match reading.join_next().await {
            Some(read) => bytes += read??,
            None => break,
        }
    }
    println!("{bytes}");
    Ok(())
}

fn arguments() -> Result<[String; 2], Anything> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    arguments
        .try_into()
        .map_err(|_| "usage: bare-download QUERY WORKGROUP".into())
}

/// Runs a query; where its result lies.
async fn result(client: &aws_sdk_athena::Client, query: String, workgroup: String) -> Result<String, Anything> {
    let started = client
        .start_query_execution()
        .query_string(query)
        .work_group(workgroup)
        .send()
        .await?;
    let id = started.query_execution_id.ok_or("the query has no id")?;
    loop {
        let answer = client.get_query_execution().query_execution_id(&id).send().await?;
        let execution = answer.query_execution.ok_or("the query is not known")?;
        let state = execution.status.and_then(|status| status.state);
        match state.ok_or("the query has no state")? {
            QueryExecutionState::Succeeded => {
                let place = execution.result_configuration.and_then(|place| place.output_location);
                return place.ok_or_else(|| "the query has no result".into());
            }
            QueryExecutionState::Queued | QueryExecutionState::Running => pause().await,
            other => return Err(format!("the query is {}", other.as_str()).into()),
        }
    }
}

async fn pause() {
    tokio::time::sleep(PAUSE).await;
}

/// Reads one range piece by piece; how many bytes there were.
async fn read(get: aws_sdk_s3::operation::get_object::builders::GetObjectFluentBuilder) -> Result<u64, Anything> {
    let mut body = get.send().await?.body;
    let mut bytes = 0;
    while let Some(chunk) = body.next().await {
        bytes += chunk?.len() as u64;
    }
    Ok(bytes)
}
