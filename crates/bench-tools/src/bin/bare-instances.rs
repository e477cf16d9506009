//! Reads all instances of one account and region by pages of 1,000, and drops them: what DescribeInstances costs with the SDK,
//! whatever is done with the rows. Prints their number.

#![expect(clippy::print_stdout, reason = "it is a program")]

use aws_sdk_ec2::Client;
use bench_tools::Anything;

#[tokio::main]
async fn main() -> Result<(), Anything> {
    let client = Client::new(&bench_tools::configuration().await?);
    let (mut instances, mut token) = (0, None);
    loop {
        let page = client
            .describe_instances()
            .max_results(1000)
            .set_next_token(token)
            .send()
            .await?;
        let reservations = page.reservations.unwrap_or_default();
        instances += reservations
            .iter()
            .map(|reservation| reservation.instances().len())
            .sum::<usize>();
        token = page.next_token.filter(|token| !token.is_empty());
        if token.is_none() {
            break;
        }
    }
    println!("{instances}");
    Ok(())
}
