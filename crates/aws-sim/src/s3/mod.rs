//! S3: objects in buckets. <https://docs.aws.amazon.com/AmazonS3/latest/API/>

pub(crate) mod store;
