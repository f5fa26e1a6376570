//! Answering a program's questions as a person would: each once it has been asked.

use std::{
    io::{Read, Write},
    process::{ExitStatus, Stdio},
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};

use crate::process::Run;

/// A question that takes longer does not come.
const LIMIT: Duration = Duration::from_secs(20);

/// A question, recognised by how it begins, its answer, and what is shown instead if the answer is a secret.
pub(crate) struct Answer<'a> {
    pub(crate) question: &'a str,
    pub(crate) answer: &'a str,
    pub(crate) shown: &'a str,
}

/// Runs `run`, answering; shows both sides of the conversation. An empty answer takes the default.
pub(crate) fn hold(run: &Run, answers: &[Answer<'_>]) -> Result<ExitStatus> {
    let mut running = run.spawn(Stdio::piped(), Stdio::piped(), Stdio::inherit())?;
    let mut input = running.child.stdin.take().context("no input to answer to")?;
    let mut output = running.child.stdout.take().context("no output to read questions from")?;
    let (sender, bytes) = mpsc::channel();
    thread::spawn(move || {
        let mut buffer = [0; 1024];
        while let Ok(read @ 1..) = output.read(&mut buffer) {
            if sender.send(buffer[..read].to_vec()).is_err() {
                return;
            }
        }
    });

    let deadline = Instant::now() + LIMIT;
    let mut line = String::new();
    loop {
        match bytes.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(bytes) => {
                let text = String::from_utf8_lossy(&bytes);
                print!("{text}");
                std::io::stdout().flush().ok();
                line.push_str(&text);
                // A question stands on a line that has not ended.
                if let Some(end) = line.rfind('\n') {
                    line.drain(..=end);
                }
                if let Some(answer) = question_in(&line, answers) {
                    println!("{}", answer.shown);
                    writeln!(input, "{}", answer.answer).context("the program stopped listening")?;
                    line.clear();
                }
            }
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {
                bail!("`{run}` asked nothing that was expected for {} s: {line:?}", LIMIT.as_secs())
            }
        }
    }
    running.wait(LIMIT)?.with_context(|| format!("`{run}` did not end"))
}

/// The answer to the question that `line` ends with.
fn question_in<'a, 'b>(line: &str, answers: &'b [Answer<'a>]) -> Option<&'b Answer<'a>> {
    let line = line.trim_start();
    line.ends_with(": ").then(|| answers.iter().find(|answer| line.starts_with(answer.question)))?
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWERS: &[Answer<'_>] = &[
        Answer { question: "Name", answer: "foo", shown: "foo" },
        Answer { question: "Default Size", answer: "", shown: "" },
    ];

    #[test]
    fn questions_are_answered_when_asked() {
        let script = r#"printf 'Name: '; read name; printf 'hello %s\nDefault Size [3]: ' "$name"; read size
            test "$name" = foo && test -z "$size""#;
        assert!(hold(&Run::new("sh").args(["-c", script]), ANSWERS).unwrap().success());
    }

    #[test]
    fn only_a_question_is_a_question() {
        assert!(question_in("Name: foo", ANSWERS).is_none());
        assert!(question_in("Surname: ", ANSWERS).is_none());
        assert_eq!(question_in("Default Size [3]: ", ANSWERS).unwrap().answer, "");
    }
}
