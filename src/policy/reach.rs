//! Which entities a condition can look into, told from its text.

use cedar_policy_core::ast::{BinaryOp, EntityUID, Expr, ExprKind, Literal};

/// How far a condition reaches from the entities of a request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Reach {
    /// How many times in a row it looks into an entity: 0 when into none, 2 for `resource.owner.level`.
    /// Steps within a record count too, so it may be too much, and never too little.
    pub(crate) depth: usize,
    /// The entities that it names itself and looks into, like `User::"alice".level`.
    pub(crate) named: Vec<EntityUID>,
    /// How many expressions are within each other.
    pub(crate) height: usize,
}

impl Reach {
    /// Of no condition.
    pub(crate) const NONE: Self = Self { depth: 0, named: Vec::new(), height: 0 };

    /// Reads it off a condition.
    pub(super) fn of(condition: &Expr) -> Self {
        let mut reading = Reading { reach: Self::NONE, within: 0 };
        let depth = reading.visit(condition, false);
        let mut reach = Self { depth, ..reading.reach };
        reach.named.sort();
        reach.named.dedup();
        reach
    }
}

/// What was read of a condition so far, and how many expressions the place is in.
struct Reading {
    reach: Reach,
    within: usize,
}

impl Reading {
    /// The depth of an expression. `looked_into`: whether what it gives is looked into.
    fn visit(&mut self, expr: &Expr, looked_into: bool) -> usize {
        self.within += 1;
        self.reach.height = self.reach.height.max(self.within);
        let depth = self.depth(expr, looked_into);
        self.within -= 1;
        depth
    }

    fn depth(&mut self, expr: &Expr, looked_into: bool) -> usize {
        match expr.expr_kind() {
            ExprKind::Lit(Literal::EntityUID(uid)) => {
                if looked_into {
                    self.reach.named.push(uid.as_ref().clone());
                }
                0
            }
            ExprKind::Lit(_) | ExprKind::Var(_) | ExprKind::Slot(_) | ExprKind::Unknown(_) => 0,
            ExprKind::If { test_expr, then_expr, else_expr } => {
                let test = self.visit(test_expr, false);
                test.max(self.visit(then_expr, looked_into)).max(self.visit(else_expr, looked_into))
            }
            ExprKind::And { left, right } | ExprKind::Or { left, right } => {
                self.visit(left, false).max(self.visit(right, false))
            }
            ExprKind::UnaryApp { arg, .. } => self.visit(arg, false),
            ExprKind::BinaryApp { op: BinaryOp::In | BinaryOp::GetTag | BinaryOp::HasTag, arg1, arg2 } => {
                let into = self.visit(arg1, true) + 1;
                into.max(self.visit(arg2, false))
            }
            ExprKind::BinaryApp { arg1, arg2, .. } => self.visit(arg1, false).max(self.visit(arg2, false)),
            ExprKind::ExtensionFunctionApp { args, .. } => self.deepest(args.iter(), false),
            ExprKind::GetAttr { expr, .. } | ExprKind::HasAttr { expr, .. } => self.visit(expr, true) + 1,
            ExprKind::ExtHasAttr { expr, attrs } => self.visit(expr, true) + attrs.len(),
            ExprKind::Like { expr, .. } | ExprKind::Is { expr, .. } => self.visit(expr, false),
            // What a set holds cannot be taken out of it; what a record holds can.
            ExprKind::Set(elements) => self.deepest(elements.iter(), false),
            ExprKind::Record(fields) => self.deepest(fields.values(), looked_into),
        }
    }

    fn deepest<'a>(&mut self, exprs: impl Iterator<Item = &'a Expr>, looked_into: bool) -> usize {
        exprs.map(|expr| self.visit(expr, looked_into)).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reach(condition: &str) -> (usize, Vec<String>) {
        let found = Reach::of(&condition.parse().unwrap());
        (found.depth, found.named.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn what_looks_into_nothing_reaches_nothing() {
        assert_eq!(reach("principal == User::\"a\" && 1 < 2"), (0, vec![]));
        assert_eq!(reach("[principal, User::\"a\"].contains(resource)"), (0, vec![]));
    }

    #[test]
    fn each_step_counts() {
        assert_eq!(reach("principal.age > 1").0, 1);
        assert_eq!(reach("resource.owner.level > 1").0, 2);
        assert_eq!(reach("principal has manager.boss").0, 2);
        assert_eq!(reach("resource.owner in Group::\"g\"").0, 2);
        assert_eq!(reach("resource.getTag(principal.team).x").0, 2);
        assert_eq!(reach("{a: resource.owner}.a.level").0, 3);
    }

    #[test]
    fn every_expression_within_another_counts_for_the_height() {
        for (condition, height) in [
            ("true", 1),
            ("principal.a || principal.b || principal.c", 4),
            ("if [principal.age].isEmpty() then 1 < 2 else true", 5),
        ] {
            assert_eq!(Reach::of(&condition.parse().unwrap()).height, height, "{condition}");
        }
    }

    #[test]
    fn named_entities_count_where_they_are_looked_into() {
        assert_eq!(reach("User::\"a\".level > 1"), (1, vec!["User::\"a\"".to_owned()]));
        assert_eq!(reach("(if true then User::\"a\" else User::\"b\") in Group::\"g\"").1.len(), 2);
        assert_eq!(reach("principal in Group::\"g\""), (1, vec![]));
    }
}
