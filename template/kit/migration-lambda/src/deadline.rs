//! Time limits of an invocation.

use std::time::{Duration, Instant, SystemTime};

/// Time for stopping Atlas, reading the state of the database, and one answer with a
/// time-out of 10 s.
const RESERVE: Duration = Duration::from_secs(20);

/// When Lambda ends an invocation, and when work must end before that.
#[derive(Clone, Copy, Debug)]
pub struct Deadline {
    end: Instant,
    reserve: Duration,
}

impl Deadline {
    /// Takes Lambda's deadline, in milliseconds since 1970. A quarter of a time-out below 80 s
    /// is kept in reserve.
    pub fn at(epoch_ms: u64) -> Self {
        let end = SystemTime::UNIX_EPOCH + Duration::from_millis(epoch_ms);
        let left = end.duration_since(SystemTime::now()).unwrap_or(Duration::ZERO);
        Self { end: Instant::now() + left, reserve: RESERVE.min(left / 4) }
    }

    /// Returns the time until Lambda ends the invocation.
    pub fn left(&self) -> Duration {
        self.end.saturating_duration_since(Instant::now())
    }

    /// Returns when migrations must be stopped.
    pub fn stop_work(&self) -> Instant {
        self.end - self.reserve
    }

    /// Returns the time until [`Self::stop_work`].
    pub fn left_for_work(&self) -> Duration {
        self.stop_work().saturating_duration_since(Instant::now())
    }

    /// Returns when the answer must be sent, even if work has not ended.
    pub fn answer_by(&self) -> Instant {
        self.end - self.reserve.mul_f32(0.6)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(seconds: u64) -> Deadline {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        Deadline::at(u64::try_from(now.unwrap().as_millis()).unwrap() + seconds * 1000)
    }

    #[test]
    fn keeps_time_for_the_answer() {
        let about = |left: Duration, seconds: f32| (left.as_secs_f32() - seconds).abs() < 0.5;
        assert!(about(after(900).left_for_work(), 880.0));
        assert!(about(after(20).left_for_work(), 15.0));
        assert!(after(20).answer_by() > after(20).stop_work());
        assert_eq!(Deadline::at(0).left(), Duration::ZERO);
    }
}
