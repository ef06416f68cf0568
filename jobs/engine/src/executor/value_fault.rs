//! What a query cannot do with a value, in a user's words.
//!
//! A division by zero or a CAST of a text that is no number fails the task, and the engine tells of it by the names of
//! its own layers. It is no fault of the engine, and to try again does not help.

use std::error::Error;

use ballista_core::error::BallistaError;
use datafusion::arrow::error::ArrowError;
use datafusion::error::DataFusionError;
use headworks_sources::{ErrorClass, TaskError};

/// The same error, or one with a class if it is such a fault.
pub(super) fn told(error: DataFusionError) -> DataFusionError {
    if TaskError::find_in(&error.to_string()).is_some() {
        return error;
    }
    match fault_in(&error) {
        None => error,
        Some(fault) => TaskError::new(
            ErrorClass::Input,
            format!(
                "the query met a value that it cannot work with: {fault}; leave such values out with WHERE, or make NULL of \
                 them (TRY_CAST, NULLIF)"
            ),
        )
        .into_datafusion(),
    }
}

/// The fault, if a value is at the bottom of the error.
fn fault_in(error: &DataFusionError) -> Option<String> {
    let mut at: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = at {
        // Ballista's errors do not say what they stand for.
        match error.downcast_ref::<BallistaError>() {
            Some(BallistaError::DataFusionError(inner)) => {
                at = Some(inner.as_ref());
                continue;
            }
            Some(BallistaError::ArrowError(inner)) => {
                at = Some(inner.as_ref());
                continue;
            }
            _ => {}
        }
        let arrow = match error.downcast_ref::<DataFusionError>() {
            Some(DataFusionError::ArrowError(arrow, _)) => Some(arrow.as_ref()),
            Some(DataFusionError::External(inner)) => {
                at = Some(inner.as_ref());
                continue;
            }
            _ => error.downcast_ref::<ArrowError>(),
        };
        match arrow {
            Some(
                fault @ (ArrowError::DivideByZero
                | ArrowError::ArithmeticOverflow(_)
                | ArrowError::CastError(_)
                | ArrowError::ParseError(_)),
            ) => return Some(fault.to_string()),
            Some(ArrowError::ExternalError(inner)) => at = Some(inner.as_ref()),
            _ => at = error.source(),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn faults_of_values_are_found_wherever_they_are_wrapped() {
        let zero = || DataFusionError::ArrowError(Box::new(ArrowError::DivideByZero), None);
        let cast = ArrowError::CastError("Cannot cast string 'x' to value of Int64 type".into());
        let wrapped = [
            zero(),
            DataFusionError::Shared(Arc::new(zero())),
            DataFusionError::Context("here".into(), Box::new(zero())),
            DataFusionError::External(Box::new(zero())),
            DataFusionError::External(Box::new(cast)),
            DataFusionError::External(Box::new(BallistaError::DataFusionError(Box::new(zero())))),
            DataFusionError::Shared(Arc::new(DataFusionError::External(Box::new(
                BallistaError::ArrowError(Box::new(ArrowError::DivideByZero)),
            )))),
            DataFusionError::Shared(Arc::new(DataFusionError::External(Box::new(
                ArrowError::ExternalError(Box::new(zero())),
            )))),
        ];
        for error in wrapped {
            let shown = error.to_string();
            let found = TaskError::find_in(&told(error).to_string());
            let found = found.unwrap_or_else(|| panic!("not found in {shown}"));
            assert_eq!(found.class, ErrorClass::Input);
            assert!(found.message.contains("the query met a value"), "{found}");
        }
        let typed = TaskError::new(ErrorClass::Lake, "full").into_datafusion();
        let text = typed.to_string();
        assert_eq!(told(typed).to_string(), text);
        let other = DataFusionError::Execution("x".into());
        assert_eq!(TaskError::find_in(&told(other).to_string()), None);
    }
}
