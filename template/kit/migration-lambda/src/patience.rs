//! The one policy for everything that may come back: a server that starts, fails over or is
//! full, an AWS service that throttles, a network that drops a connection, a lock.

use std::cell::Cell;
use std::io::ErrorKind;
use std::time::{Duration, Instant};

use anyhow::{Error, Result, anyhow};
use tokio_postgres::error::SqlState;

/// Pause after the first attempt; doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Why an attempt failed.
#[derive(Debug)]
pub enum Failure {
    /// Trying again may succeed.
    Passing(Error),
    Final(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        if may_pass(&error) { Self::Passing(error) } else { Self::Final(error) }
    }
}

/// No answer within the time of one attempt.
#[derive(Debug, thiserror::Error)]
#[error("no answer within {:.0} s: it is starting, or its security groups do not let the function in", .0.as_secs_f32())]
pub struct Silence(pub Duration);

/// How long to keep trying.
pub struct Patience {
    limit: Duration,
    /// Name of the setting that is `limit`.
    name: &'static str,
    /// No attempt begins after it.
    stop: Instant,
    /// Time-out of one attempt at one address. A server that is starting may accept a
    /// connection and never answer on it, so waiting longer would not help.
    pub attempt: Duration,
    worked: Cell<Duration>,
}

impl Patience {
    /// Allows `limit` of waiting, until shortly before `stop`.
    pub fn new(limit: Duration, name: &'static str, stop: Instant) -> Self {
        let time = stop.saturating_duration_since(Instant::now());
        let attempt = limit.min(time) / 10;
        let attempt = attempt.clamp(Duration::from_secs(1), Duration::from_secs(10));
        let stop = Instant::now() + time.saturating_sub(attempt);
        Self { limit, name, stop, attempt, worked: Cell::default() }
    }

    /// Does not count this time against the limit: it was work.
    pub fn worked(&self, time: Duration) {
        self.worked.set(self.worked.get() + time);
    }

    /// Repeats `attempt` while it fails with [`Failure::Passing`], and there is time.
    ///
    /// # Errors
    /// The last error; if it was repeated, with the number of attempts and their time.
    pub async fn retry<T>(
        &self,
        mut attempt: impl AsyncFnMut() -> Result<T, Failure>,
    ) -> Result<T> {
        let started = Instant::now();
        let mut pause = FIRST_PAUSE;
        let mut first = None;
        for count in 1_u32.. {
            let error = match attempt().await {
                Ok(value) => {
                    if count > 1 {
                        tracing::info!("attempt {count} succeeded after {:.1?}", started.elapsed());
                    }
                    return Ok(value);
                }
                Err(Failure::Final(error)) => return Err(error),
                Err(Failure::Passing(error)) => error,
            };
            let waited = started.elapsed().saturating_sub(self.worked.get());
            let left = self.limit.saturating_sub(waited);
            let time = self.stop.saturating_duration_since(Instant::now());
            if left.min(time).is_zero() {
                let end = if left.is_zero() { self.name } else { "the time limit" };
                let mut text = format!("{error:#}");
                if let Some(first) = first.filter(|first| !text.starts_with(first)) {
                    text = format!("{first}. Then: {text}");
                }
                return Err(anyhow!(
                    "{}. Tried {count} times in {:.0} s, limited by {end}",
                    text.trim_end_matches('.'),
                    started.elapsed().as_secs_f32()
                ));
            }
            let pause_now = pause.min(left).min(time);
            tracing::warn!(attempt = count, "trying again in {pause_now:.1?}: {error:#}");
            first.get_or_insert_with(|| format!("{error:#}").trim_end_matches('.').to_owned());
            tokio::time::sleep(pause_now).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        unreachable!("the limit comes first")
    }
}

/// Whether trying again may succeed.
pub fn may_pass(error: &Error) -> bool {
    error.chain().any(|cause| {
        if let Some(error) = cause.downcast_ref::<tokio_postgres::Error>() {
            return error.is_closed() || error.code().is_some_and(is_passing);
        }
        let io = cause.downcast_ref::<std::io::Error>();
        let http = cause.downcast_ref::<reqwest::Error>();
        let aws = cause.downcast_ref::<rds::Refused>();
        cause.is::<Silence>()
            || io.is_some_and(io_may_pass)
            || http
                .is_some_and(|http| http.is_timeout() || (http.is_request() && !http.is_connect()))
            || aws.is_some_and(rds::Refused::may_pass)
    })
}

fn io_may_pass(error: &std::io::Error) -> bool {
    use ErrorKind::*;
    matches!(
        error.kind(),
        BrokenPipe
            | ConnectionAborted
            | ConnectionRefused
            | ConnectionReset
            | HostUnreachable
            | NetworkDown
            | NetworkUnreachable
            | TimedOut
            | UnexpectedEof // EAI_AGAIN of getaddrinfo, which has no kind.
    ) || error.to_string().contains("Temporary failure in name resolution")
}

/// Whether an error of the server may pass.
/// <https://www.postgresql.org/docs/current/errcodes-appendix.html>
pub fn is_passing(code: &SqlState) -> bool {
    [
        SqlState::CANNOT_CONNECT_NOW,
        SqlState::TOO_MANY_CONNECTIONS,
        SqlState::ADMIN_SHUTDOWN,
        SqlState::CRASH_SHUTDOWN,
        // For some seconds after a failover.
        SqlState::READ_ONLY_SQL_TRANSACTION,
        SqlState::LOCK_NOT_AVAILABLE,
        SqlState::T_R_DEADLOCK_DETECTED,
        SqlState::T_R_SERIALIZATION_FAILURE,
    ]
    .contains(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patience(limit: u64, stop: u64) -> Patience {
        let stop = Instant::now() + Duration::from_millis(stop);
        Patience::new(Duration::from_millis(limit), "ConnectTimeout", stop)
    }

    fn failure(kind: ErrorKind) -> Failure {
        Error::new(std::io::Error::from(kind)).context("more").into()
    }

    #[tokio::test]
    async fn tries_until_it_succeeds() {
        let (patience, mut failures) = (patience(60_000, 60_000), 2);
        let outcome = patience.retry(async || {
            if failures == 0 {
                return Ok(7);
            }
            failures -= 1;
            Err(failure(ErrorKind::ConnectionRefused))
        });
        assert_eq!(outcome.await.unwrap(), 7);
    }

    #[tokio::test]
    async fn says_what_ended_it_and_tries_once_more_at_the_end() {
        for (limit, stop, end) in
            [(600, 60_000, "ConnectTimeout"), (60_000, 1600, "the time limit")]
        {
            let (patience, mut count) = (patience(limit, stop), 0);
            let outcome = patience.retry(async || {
                count += 1;
                Err::<(), _>(failure(ErrorKind::ConnectionReset))
            });
            let error = outcome.await.unwrap_err().to_string();
            assert!(error.ends_with(&format!("s, limited by {end}")), "{error}");
            assert!(error.contains(&format!("Tried {count} times")), "{error}");
            assert!(count > 1);
        }
    }

    #[tokio::test]
    async fn work_does_not_count() {
        let patience = patience(100, 60_000);
        let mut count = 0;
        let outcome = patience.retry(async || {
            count += 1;
            tokio::time::sleep(Duration::from_millis(150)).await;
            patience.worked(Duration::from_millis(200));
            if count < 3 { Err(failure(ErrorKind::TimedOut)) } else { Ok(()) }
        });
        outcome.await.unwrap();
    }

    #[tokio::test]
    async fn gives_up_at_once_on_what_waiting_cannot_mend() {
        let (patience, mut count) = (patience(60_000, 60_000), 0);
        let outcome = patience.retry(async || {
            count += 1;
            Err::<(), _>(failure(ErrorKind::InvalidData))
        });
        assert_eq!(outcome.await.unwrap_err().to_string(), "more");
        assert_eq!(count, 1);
    }
}
