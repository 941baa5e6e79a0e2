//! The integration tests: one binary, one module a topic.

mod backends;
mod cases;
mod ci;
mod cli;
mod database;
mod docs;
mod examples;
mod export;
mod fuzz;
mod gateway;
mod http;
mod inspect;
mod kept;
mod live;
mod outage;
mod paths;
mod project;
mod records;
mod reload;
mod retries;
mod rules;
mod salesforce;
mod scripted;
mod snowflake;
mod tidy;
