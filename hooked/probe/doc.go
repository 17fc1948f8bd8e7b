// Package probe asks what can be read off a model's activations by a linear probe, and what changes
// when it is taken away.
//
//	texts := probe.Collection{Texts: mails, Sites: hooked.ResidPost, MaxTokens: 64}
//	found, err := probe.Collect(ctx, model, texts)
//	rows, err := found.Rows(hooked.ResidPost.At(12)) // [text, d_model]
//	fitted, err := probe.Fit(rows, labels, probe.Logistic{}, probe.Split{Seed: 1})
//	fitted.Test.Accuracy, fitted.Test.Majority       // on texts that it was not fitted on
//	direction, err := fitted.Direction(1)            // [d_model], ready for edits
//
// # Activations
//
// [Collect] runs texts and keeps, for every site in one pass, the positions that are asked for: the
// last token, all, their mean, chosen ones. [RowsOf] takes a tensor, [NewRows] numbers. Memory is 4
// bytes for each number that is kept, and 8 for those that a fit reads, while it lasts.
//
// # Methods
//
//	Logistic          logistic or softmax regression, L2         the optimum, by L-BFGS
//	Ridge             least squares, L2, of classes              in closed form; Regress has targets
//	Means             difference of means                        whitened it is LDA
//	FirstComponent    the first principal component              PCA has all of them
//
// All is solved in float64 on the host, with gonum. With fewer training rows than numbers in a row
// [Logistic], [Ridge] and [Means] have one solution all the same, and Fitted.Notes says what to
// make of it; a whitened [Means] needs Shrink, and [LEACE] is refused.
//
// [FitAll] fits a probe at every site and position that was collected, [ByLayer] collects first.
// What they find is drawn as it is: plots.Line(table.Accuracy()).
//
// # Interventions
//
// A direction is a tensor: hooked.AddTo(direction.Scale(4)) adds it, with a strength that is a
// run-time value; [ProjectOut] takes it out. [LEACE] erases classes with the least change, so that
// no linear probe does better than the majority class; [NullSpace] is a step of INLP. Both are an
// [Eraser], whose Edit is one for runs, and which Apply does to rows.
//
// What is collected and fitted is kept from one cell of a notebook to the next by hooked.Once.
//
// Sources: scikit-learn 1.5.2's LogisticRegression, Ridge, RidgeClassifier and
// LinearDiscriminantAnalysis, whose solutions the tests compare with; Belrose et al. 2023, "LEACE:
// Perfect linear concept erasure in closed form" (arXiv:2306.03819) and its package concept-erasure
// 0.2.4; Ravfogel et al. 2020, "Null It Out" (arXiv:2004.07667); Guo et al. 2017 (arXiv:1706.04599)
// for calibration; ARENA 1.3.1 for what a reader does with them.
package probe
