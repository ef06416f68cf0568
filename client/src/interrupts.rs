//! Ctrl-C and the signals that end a program, as events that a command waits
//! for beside its work; and the question what is meant by one.

use std::io::{self, BufRead, IsTerminal, Write};

use tokio::sync::{mpsc, oneshot};

/// What the user means by Ctrl-C.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Stop the job.
    Stop,
    /// Nothing: go on.
    GoOn,
    /// Leave the job running and end the command.
    Detach,
}

/// What was received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal {
    /// Ctrl-C: someone at a keyboard, who can be asked.
    Keyboard,
    /// A request to end that expects no question.
    End,
}

/// Asks the user; the answer comes when it was typed. Whether detaching is
/// offered is the parameter.
type Ask = Box<dyn Fn(bool) -> oneshot::Receiver<Answer> + Send>;

/// Signals as they come in.
pub(crate) struct Interrupts {
    signals: mpsc::UnboundedReceiver<Signal>,
    /// None where nobody can be asked.
    ask: Option<Ask>,
}

impl Interrupts {
    /// Takes the process' signals from here on. Must be called in a runtime.
    pub(crate) fn listen() -> Self {
        let (sender, signals) = mpsc::unbounded_channel();
        let keyboard = sender.clone();
        tokio::spawn(async move {
            while tokio::signal::ctrl_c().await.is_ok() && keyboard.send(Signal::Keyboard).is_ok() {
            }
        });
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            for kind in [SignalKind::terminate(), SignalKind::hangup()] {
                let sender = sender.clone();
                if let Ok(mut stream) = signal(kind) {
                    tokio::spawn(async move {
                        while stream.recv().await.is_some() && sender.send(Signal::End).is_ok() {}
                    });
                }
            }
        }
        let someone_there = io::stdin().is_terminal() && io::stderr().is_terminal();
        Self {
            signals,
            ask: someone_there.then(|| Box::new(ask_on_terminal) as Ask),
        }
    }

    /// The next signal; never ends if there is none.
    pub(crate) async fn next(&mut self) -> Signal {
        match self.signals.recv().await {
            Some(signal) => signal,
            None => std::future::pending().await,
        }
    }

    /// What the user wants done about a signal. A second signal while the
    /// question stands, or nobody there to ask, means stop.
    pub(crate) async fn meaning(&mut self, signal: Signal, may_detach: bool) -> Answer {
        let Some(ask) = self.ask.as_ref().filter(|_| signal == Signal::Keyboard) else {
            return Answer::Stop;
        };
        let answer = ask(may_detach);
        tokio::select! {
            answer = answer => answer.unwrap_or(Answer::Stop),
            _ = self.signals.recv() => {
                // The question's line was not ended by an answer.
                let _ = writeln!(io::stderr().lock());
                Answer::Stop
            }
        }
    }

    /// Signals that a test sends, and the answer that its user gives.
    #[cfg(test)]
    pub(crate) fn scripted(answer: Option<Answer>) -> (mpsc::UnboundedSender<Signal>, Self) {
        let (sender, signals) = mpsc::unbounded_channel();
        let ask = answer.map(|answer| {
            Box::new(move |_: bool| {
                let (sender, receiver) = oneshot::channel();
                let _ = sender.send(answer);
                receiver
            }) as Ask
        });
        (sender, Self { signals, ask })
    }
}

fn ask_on_terminal(may_detach: bool) -> oneshot::Receiver<Answer> {
    let (sender, receiver) = oneshot::channel();
    let question = if may_detach {
        "stop the job? [y/N/d(etach)] "
    } else {
        "stop the job? [y/N] "
    };
    let mut err = io::stderr().lock();
    let _ = err
        .write_all(question.as_bytes())
        .and_then(|()| err.flush());
    // A thread of its own: a read of the terminal cannot be taken back, and
    // must not hold the runtime up when the command ends before the answer.
    std::thread::spawn(move || {
        let mut typed = String::new();
        let answer = match io::stdin().lock().read_line(&mut typed) {
            Ok(n) if n > 0 => parse_answer(&typed, may_detach),
            _ => Answer::Stop,
        };
        let _ = sender.send(answer);
    });
    receiver
}

fn parse_answer(typed: &str, may_detach: bool) -> Answer {
    match typed.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" => Answer::Stop,
        "d" | "detach" if may_detach => Answer::Detach,
        _ => Answer::GoOn,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_clear_yes_stops_and_detaching_needs_somewhere_to_leave_the_job() {
        for (typed, may_detach, answer) in [
            ("y\n", false, Answer::Stop),
            ("YES\n", true, Answer::Stop),
            ("\n", true, Answer::GoOn),
            ("n\n", true, Answer::GoOn),
            ("stop\n", true, Answer::GoOn),
            ("d\n", true, Answer::Detach),
            ("detach\n", true, Answer::Detach),
            ("d\n", false, Answer::GoOn),
        ] {
            assert_eq!(
                parse_answer(typed, may_detach),
                answer,
                "{typed:?} {may_detach}"
            );
        }
    }

    #[tokio::test]
    async fn without_anyone_to_ask_a_signal_means_stop() {
        let (_sender, mut interrupts) = Interrupts::scripted(None);
        assert_eq!(
            interrupts.meaning(Signal::Keyboard, true).await,
            Answer::Stop
        );
        let (_sender, mut interrupts) = Interrupts::scripted(Some(Answer::GoOn));
        assert_eq!(
            interrupts.meaning(Signal::Keyboard, true).await,
            Answer::GoOn
        );
        assert_eq!(
            interrupts.meaning(Signal::End, true).await,
            Answer::Stop,
            "SIGTERM is no question"
        );
    }
}
