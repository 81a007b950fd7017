"""Right and wrong claims on gradients, those of the course and more: forward, with respect to what, upstream, claim."""

from minidl.lab.proof import define, matrices, ones, scalars

X, W, b, G = matrices("X (n x in), W (in x out), b (1 x out), G (n x out)")
W1, b1, W2, b2 = matrices("W1 (in x hidden), b1 (1 x hidden), W2 (hidden x out), b2 (1 x out)")
A, T, D = matrices("A (n x m), T (n x m), D (n x m)")
S, V, U = matrices("S (m x m), V (m x m), U (m x m)")
x, n, m = scalars("x, n, m")
one = ones("n")

linear = X @ W + b
tanh, sigmoid, relu = (define("Y", output) for output in (A.tanh(), A.sigmoid(), A.relu()))
leaky = A.relu() - (-A).relu() / 10
hidden = {name: define("H", getattr(X @ W1 + b1, name)()) for name in ("tanh", "relu")}
P = define("P", A.exp() / (A.exp() @ ones("m")))
cross_entropy = (A.exp() @ ones("m")).log().sum() - (T * A).sum()
squares = ((A - T) ** 2).sum()
sigma = define(r"\sigma(x)", 1 / (1 + (-x).exp()))

RIGHT = {
    "linear, X": (linear, X, G, G @ W.T),
    "linear, W": (linear, W, G, X.T @ G),
    "linear, b": (linear, b, G, one.T @ G),
    "linear, an accumulator": (linear, W, G, 0 + X.T @ G),
    "square": (S @ V, V, U, S.T @ U),
    "tanh": (tanh, A, D, D * (1 - tanh * tanh)),
    "sigmoid": (sigmoid, A, D, D * sigmoid * (1 - sigmoid)),
    "relu, from its input": (relu, A, D, D * (A > 0)),
    "relu, from its output": (relu, A, D, D * relu.sign()),
    "abs": (A.abs(), A, D, D * A.sign()),
    "leaky relu": (leaky, A, D, D * ((A > 0) + (-A > 0) / 10)),
    "mse, sum": (squares, A, None, 2 * (A - T)),
    "mse, batchmean": (squares / n, A, None, 2 * (A - T) / n),
    "mse, mean": (squares / (n * m), A, None, 2 * (A - T) / (n * m)),
    "chain tanh, W1": (hidden["tanh"] @ W2 + b2, W1, G, X.T @ ((G @ W2.T) * (1 - hidden["tanh"] ** 2))),
    "chain relu, W1": (hidden["relu"] @ W2 + b2, W1, G, X.T @ ((G @ W2.T) * hidden["relu"].sign())),
    "chain relu, X": (hidden["relu"] @ W2 + b2, X, G, ((G @ W2.T) * hidden["relu"].sign()) @ W1.T),
    "chain relu, W2": (hidden["relu"] @ W2 + b2, W2, G, hidden["relu"].T @ G),
    "softmax cross-entropy": (cross_entropy, A, None, P - T),
    "softmax cross-entropy, any targets": (-(T * P.log()).sum(), A, None, P * (T @ ones("m")) - T),
    "a number": ((x * A).sum(), x, None, A.sum()),
}
WRONG = {
    "linear, W transposed in a square": (S @ V, V, U, U.T @ S),
    "linear, X without the transpose": (S @ V, S, U, U @ V),
    "linear, W divided by n": (linear, W, G, X.T @ G / n),
    "linear, W divided by the size that n has in the proof": (linear, W, G, X.T @ G / 3),
    "linear, b averaged": (linear, b, G, one.T @ G / n),
    "linear, W of the wrong sign": (linear, W, G, -(X.T @ G)),
    "linear, upstream forgotten": (linear, W, G, X.T @ (one @ ones("out").T)),
    "mse, factor 2 missing": (squares, A, None, A - T),
    "mse, sign": (squares, A, None, 2 * (T - A)),
    "mse, batchmean not divided": (squares / n, A, None, 2 * (A - T)),
    "mse, mean divided by n only": (squares / (n * m), A, None, 2 * (A - T) / n),
    "tanh, slope at the output": (tanh, A, D, D * (1 - tanh.tanh() ** 2)),
    "tanh, upstream forgotten": (tanh, A, D, 1 - tanh * tanh),
    "tanh, slope forgotten": (tanh, A, D, D),
    "sigmoid, slope at the output": (sigmoid, A, D, D * sigmoid.sigmoid() * (1 - sigmoid.sigmoid())),
    "relu, masked by upstream": (relu, A, D, D * (D > 0)),
    "relu, slope always 1": (relu, A, D, D),
    "relu, on the other side": (relu, A, D, D * (1 - relu.sign())),
    "relu, minus the output is never above 0": (relu, A, D, D * (1 - (-relu > 0))),
    "chain, slope forgotten": (hidden["relu"] @ W2 + b2, W1, G, X.T @ (G @ W2.T)),
    "softmax cross-entropy, sign": (cross_entropy, A, None, T - P),
}

# --- beyond the course -----------------------------------------------------------------------------------------------
alpha, eps, kappa, lam = scalars("alpha, eps, kappa, lam")
ones_m = ones("m")
column, row = matrices("c (n x 1), r (1 x m)")
Q, K, values, E = matrices("Q (n x hidden), K (n x hidden), V2 (n x out), E (n x n)")
W3, b3, targets = matrices("W3 (out x m), b3 (1 x m), T2 (n x out)")
error = A - T
mean_row, mean_column = A @ ones_m / m, one.T @ A / n
variance, variance_column = (A - mean_row) ** 2 @ ones_m / m, one.T @ (A - mean_column) ** 2 / n
normal, normal_column = (A - mean_row) / (variance + eps) ** 0.5, (A - mean_column) / (variance_column + eps) ** 0.5
rms = (error**2).sum() ** 0.5
length = (A**2 @ ones_m) ** 0.5
gelu_inner = kappa * (A + 0.044715 * A**3)
attention = define("A1", (Q @ K.T).exp() / ((Q @ K.T).exp() @ one))
to_scores = attention * (G @ values.T - (G @ values.T * attention) @ one)
H1 = define("H1", (X @ W1 + b1).tanh())
H2 = define("H2", (H1 @ W2 + b2).sigmoid())
back_2 = (D @ W3.T) * H2 * (1 - H2)
back_1 = (back_2 @ W2.T) * (1 - H1**2)
close = 1 - error.abs() > 0
MORE = {
    "softmax": (P, A, D, P * (D - (D * P) @ ones_m)),
    "log-softmax": (A - (A.exp() @ ones_m).log(), A, D, D - P * (D @ ones_m)),
    "cross-entropy with weights": ((row * T * P.log()).sum(), A, None, row * T - P * ((row * T) @ ones_m)),
    "binary cross-entropy, from scores": (
        (A.relu() - A * T + (1 + (-A.abs()).exp()).log()).sum(),
        A,
        None,
        A.sigmoid() - T,
    ),
    "softplus": ((1 + A.exp()).log(), A, D, D * A.sigmoid()),
    "silu": (A * A.sigmoid(), A, D, D * A.sigmoid() * (1 + A * (1 - A.sigmoid()))),
    "gelu": (
        A * (1 + gelu_inner.tanh()) / 2,
        A,
        D,
        D * ((1 + gelu_inner.tanh()) + A * (1 - gelu_inner.tanh() ** 2) * kappa * (1 + 3 * 0.044715 * A**2)) / 2,
    ),
    "prelu": (A.relu() - alpha * (-A).relu(), A, D, D * ((A > 0) + alpha * (1 - (A > 0)))),
    "prelu, its slope": (A.relu() - alpha * (-A).relu(), alpha, D, -(D * (-A).relu()).sum()),
    "elu": (A.relu() + alpha * ((-(-A).relu()).exp() - 1), A, D, D * ((A > 0) + (-A > 0) * alpha * A.exp())),
    "clip": ((A + 1).relu() - (A - 1).relu(), A, D, D * (A + 1 > 0) * (1 - A > 0)),
    "huber": (
        (close * error**2 / 2 + (1 - close) * (error.abs() - 0.5)).sum(),
        A,
        None,
        close * error + (1 - close) * error.sign(),
    ),
    "hinge": ((1 - T * A).relu().sum(), A, None, -T * (1 - T * A > 0)),
    "L2 penalty": (
        ((linear - targets) ** 2).sum() / n + lam * (W**2).sum(),
        W,
        None,
        2 * X.T @ (linear - targets) / n + 2 * lam * W,
    ),
    "root of the squared error": (rms, A, None, error / rms),
    "rows of length 1": (A / length, A, D, D / length - A * ((D * A) @ ones_m) / length**3),
    "centered rows": (A - mean_row, A, D, D - D @ ones_m / m),
    "layer norm": (normal, A, D, (D - D @ ones_m / m - normal * ((D * normal) @ ones_m) / m) / (variance + eps) ** 0.5),
    "batch norm": (
        normal_column,
        A,
        D,
        (D - one.T @ D / n - normal_column * (one.T @ (D * normal_column)) / n) / (variance_column + eps) ** 0.5,
    ),
    "attention, values": (attention @ values, values, G, attention.T @ G),
    "attention, queries": (attention @ values, Q, G, to_scores @ K),
    "attention, keys": (attention @ values, K, G, to_scores.T @ Q),
    "three layers, W1": (H2 @ W3 + b3, W1, D, X.T @ back_1),
    "three layers, b2": (H2 @ W3 + b3, b2, D, one.T @ back_2),
    "power of a square": (S @ S @ S, S, U, U @ (S @ S).T + S.T @ U @ S.T + (S @ S).T @ U),
    "quadratic form": (column.T @ E @ column, column, None, (E + E.T) @ column),
    "pairs": (((column - column.T) ** 2).sum(), column, None, 4 * (n * column - one @ (one.T @ column))),
    "pairs, absolute": ((column - column.T).abs().sum(), column, None, 2 * (column - column.T).sign() @ one),
    "row added": (A + row, row, D, one.T @ D),
    "column times matrix": (A * column, column, D, (A * D) @ ones_m),
}
