"""Right training loops, in many styles."""

from __future__ import annotations

import copy
import random

import torch
import torch.nn.functional as F  # noqa: N812
from torch.utils.data import DataLoader, TensorDataset

import minidl
from specimens.collection import loop

right_loop = loop()

# ---------------------------------------------------------------------------------------------------------------------
# The words of minidl


@right_loop
def index_batches(model, loss, optimizer, X, T, epochs, batch_size):
    history = []
    for _ in range(epochs):
        total = 0.0
        for rows in torch.randperm(len(X)).split(batch_size):
            total += loss(model(X[rows]), T[rows]).item()
            model.zero_grad()
            model.backward(loss.backward())
            optimizer.step()
        history.append(total / len(X))
    return history


@right_loop
def whole_batch(model, loss, optimizer, X, T, epochs, batch_size):
    losses = []
    for _ in range(epochs):
        losses.append(float(loss.forward(model.forward(X), T)))
        model.zero_grad()
        model.backward(loss.backward())
        optimizer.step()
    return losses


@right_loop
def looks_before_each_batch(model, loss, optimizer, X, T, epochs, batch_size):
    for _ in range(epochs):
        for rows in torch.randperm(len(X)).split(batch_size):
            seen = loss(model(X[:5]), T[:5]).item()  # noqa: F841
            loss(model(X[rows]), T[rows])
            model.zero_grad()
            model.backward(loss.backward())
            optimizer.step()


@right_loop
def torch_learns_from_the_hardest(model, optimizer, X, y, epochs, batch_size):
    for _ in range(epochs):
        for idx in torch.randperm(len(X)).split(batch_size):
            hardest = F.cross_entropy(model(X[idx]), y[idx], reduction="none").topk(min(2, len(idx))).indices
            optimizer.zero_grad()
            F.cross_entropy(model(X[idx[hardest]]), y[idx[hardest]]).backward()
            optimizer.step()


@right_loop
def plain_step(model, loss, optimizer, X, T):
    output = model.forward(X)
    value = loss.forward(output, T)
    model.zero_grad()
    model.backward(loss.backward())
    optimizer.step()
    return value


@right_loop
def zeroes_after_the_step(net, criterion, opt, inputs, targets, n_epochs, bs):
    for _ in range(n_epochs):
        order = list(range(len(inputs)))
        random.shuffle(order)
        for k in range(0, len(order), bs):
            criterion.forward(net.forward(inputs[order[k : k + bs]]), targets[order[k : k + bs]])
            net.backward(criterion.backward())
            opt.step()
            for _, grad in net.parameters():
                grad.zero_()
    return net


@right_loop
def accumulates_two_batches(model, loss, optimizer, X, T, epochs, batch_size):
    for _ in range(epochs):
        batches = torch.randperm(len(X)).split(batch_size)
        model.zero_grad()
        for k, rows in enumerate(batches, 1):
            loss(model(X[rows]), T[rows])
            model.backward(loss.backward() / 2)
            if k % 2 == 0 or k == len(batches):
                optimizer.step()
                model.zero_grad()


@right_loop
def stops_early_and_keeps_the_best(model, loss, optimizer, X, T, X_val, T_val, epochs, batch_size):
    best, kept, patience = float("inf"), None, 0
    for _ in range(epochs):
        for rows in torch.randperm(len(X)).split(batch_size):
            loss(model(X[rows]), T[rows])
            model.zero_grad()
            model.backward(loss.backward())
            optimizer.step()
        now = loss(model(X_val), T_val).item() / len(X_val)
        if now < best:
            best, kept, patience = now, copy.deepcopy(model), 0
        else:
            patience += 1
            if patience == 2:
                break
    return kept, best


@right_loop
def lowers_the_rate(model, loss, optimizer, X, T, epochs, batch_size):
    for epoch in range(epochs):
        if epoch % 2:
            optimizer.lr *= 0.5
        X_now, T_now = (data[order] for order in [torch.randperm(len(X))] for data in (X, T))
        for x, t in zip(X_now.split(batch_size), T_now.split(batch_size), strict=True):
            loss(model(x), t)
            model.zero_grad()
            model.backward(loss.backward())
            optimizer.step()


@right_loop
def reports_accuracy(model, loss, optimizer, X_train, T_train, X_test, T_test, epochs, batch_size):
    def accuracy(inputs, targets):
        return (model(inputs).argmax(1) == targets.argmax(1)).float().mean().item()

    history = {"train": [], "test": []}
    for _ in range(epochs):
        for rows in torch.randperm(len(X_train)).split(batch_size):
            loss(model(X_train[rows]), T_train[rows])
            model.zero_grad()
            model.backward(loss.backward())
            optimizer.step()
        history["train"].append(accuracy(X_train, T_train))
        history["test"].append(accuracy(X_test, T_test))
    return history


@right_loop
def own_error_count(model, loss, optimizer, X, T, X_test, T_test, epochs, batch_size):
    for _ in range(epochs):
        for rows in torch.randperm(len(X)).split(batch_size):
            model.zero_grad()
            loss(model(X[rows]), T[rows])
            model.backward(loss.backward())
            optimizer.step()
    wrong = 0
    for start in range(0, len(X_test), batch_size):
        output = model(X_test[start : start + batch_size])
        wrong += int((output.max(1)[1] != T_test[start : start + batch_size].max(1)[1]).sum())
    return 100.0 * wrong / len(X_test)


@right_loop
def own_gradient_of_the_loss(model, loss, optimizer, X, T):
    output = model(X)
    value = loss(output, T)
    model.zero_grad()
    model.backward(2 * (output - T))
    optimizer.step()
    return value.item()


@right_loop
def closure_of_a_batch(model, loss, optimizer, X, T, epochs, batch_size):
    def run(rows):
        value = loss(model(X[rows]), T[rows])
        model.zero_grad()
        model.backward(loss.backward())
        return value

    values = []
    for _ in range(epochs):
        for rows in torch.randperm(len(X)).split(batch_size):
            values.append(run(rows).item())
            optimizer.step()
    return values


@right_loop
def own_parts(model, X, T, epochs, batch_size, lr):
    loss, optimizer = minidl.MSELoss("batchmean"), minidl.SGD(model, lr)
    for _ in range(epochs):
        for rows in torch.randperm(len(X)).split(batch_size):
            loss(model(X[rows]), T[rows])
            model.zero_grad()
            model.backward(loss.backward())
            optimizer.step()


@right_loop
def holds_back_a_fifth(model, loss, optimizer, X, T, epochs, batch_size):
    order = torch.randperm(len(X))
    training, held = order[5:], order[:5]
    history = []
    for _ in range(epochs):
        for rows in training[torch.randperm(len(training))].split(batch_size):
            loss(model(X[rows]), T[rows])
            model.zero_grad()
            model.backward(loss.backward())
            optimizer.step()
        history.append(loss(model(X[held]), T[held]).item() / len(held))
    return history


@right_loop
def rows_drawn_with_replacement(model, loss, optimizer, X, T, epochs, batch_size):
    for _ in range(epochs * (len(X) // batch_size)):
        rows = torch.randint(len(X), (batch_size,))
        loss(model(X[rows]), T[rows])
        model.zero_grad()
        model.backward(loss.backward())
        optimizer.step()


# ---------------------------------------------------------------------------------------------------------------------
# The words of PyTorch


@right_loop
def torch_loader(model, criterion, optimizer, X, y, epochs, batch_size):
    loader = DataLoader(TensorDataset(X, y), batch_size=batch_size, shuffle=True)
    model.train()
    losses = []
    for _ in range(epochs):
        running = 0.0
        for inputs, labels in loader:
            optimizer.zero_grad()
            loss = criterion(model(inputs), labels)
            loss.backward()
            optimizer.step()
            running += loss.item()
        losses.append(running / len(loader))
    return losses


@right_loop
def torch_tutorial(dataloader, model, loss_fn, optimizer):
    size = len(dataloader.dataset)
    model.train()
    for batch, (X, y) in enumerate(dataloader):
        pred = model(X)
        loss = loss_fn(pred, y)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        if batch % 2 == 0:
            print(f"loss: {loss.item():>7f}  [{(batch + 1) * len(X):>5d}/{size:>5d}]")


@right_loop
def torch_tutorial_test(dataloader, model, loss_fn):
    model.eval()
    test_loss, correct = 0, 0
    with torch.no_grad():
        for X, y in dataloader:
            pred = model(X)
            test_loss += loss_fn(pred, y).item()
            correct += (pred.argmax(1) == y).type(torch.float).sum().item()
    return test_loss / len(dataloader), correct / len(dataloader.dataset)


@right_loop
def torch_with_validation(model, criterion, optimizer, train_loader, val_loader, num_epochs):
    history = {"train_loss": [], "val_loss": [], "val_acc": []}
    for _ in range(num_epochs):
        model.train()
        total = 0.0
        for x, y in train_loader:
            optimizer.zero_grad(set_to_none=True)
            loss = criterion(model(x), y)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            total += loss.item() * len(x)
        model.eval()
        right, total_val = 0, 0.0
        with torch.no_grad():
            for x, y in val_loader:
                output = model(x)
                total_val += criterion(output, y).item() * x.size(0)
                _, predicted = torch.max(output, 1)
                right += (predicted == y).sum().item()
        history["train_loss"].append(total / len(train_loader.dataset))
        history["val_loss"].append(total_val / len(val_loader.dataset))
        history["val_acc"].append(100 * right / len(val_loader.dataset))
    return history


@right_loop
def torch_accumulates(model, criterion, optimizer, train_loader, epochs, accumulation_steps=4):
    for _ in range(epochs):
        optimizer.zero_grad()
        for i, (x, y) in enumerate(train_loader):
            loss = criterion(model(x), y) / accumulation_steps
            loss.backward()
            if (i + 1) % accumulation_steps == 0 or i + 1 == len(train_loader):
                optimizer.step()
                optimizer.zero_grad()


@right_loop
def torch_closure(model, criterion, optimizer, X, y, epochs, batch_size):
    for _ in range(epochs):
        for idx in torch.randperm(len(X)).split(batch_size):

            def closure(idx=idx):
                optimizer.zero_grad()
                loss = criterion(model(X[idx]), y[idx])
                loss.backward()
                return loss

            optimizer.step(closure)


@right_loop
def torch_own_optimizer_and_schedule(model, X, y, epochs, batch_size, lr):
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.5)
    for _ in range(epochs):
        model.train()
        permutation = torch.randperm(X.size()[0])
        for i in range(0, X.size()[0], batch_size):
            indices = permutation[i : i + batch_size]
            optimizer.zero_grad()
            loss = F.cross_entropy(model(X[indices]), y[indices])
            loss.backward()
            optimizer.step()
        scheduler.step()
    return model


@right_loop
def torch_drops_the_last(model, criterion, optimizer, X, y, epochs, batch_size):
    loader = DataLoader(TensorDataset(X, y), batch_size, shuffle=True, drop_last=True)
    for _ in range(epochs):
        for x, t in loader:
            optimizer.zero_grad()
            criterion(model(x), t).backward()
            optimizer.step()


@right_loop
def torch_early_stopping(model, criterion, optimizer, X, y, X_val, y_val, epochs, batch_size):
    best_loss, best_state = float("inf"), None
    for _ in range(epochs):
        model.train()
        for idx in torch.randperm(len(X)).split(batch_size):
            optimizer.zero_grad()
            criterion(model(X[idx]), y[idx]).backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            val_loss = criterion(model(X_val), y_val).item()
        if val_loss < best_loss:
            best_loss, best_state = val_loss, copy.deepcopy(model.state_dict())
    model.load_state_dict(best_state)
    return best_loss


@loop(more={"loss": torch.nn.MSELoss()})
def torch_regression(model, criterion, optimizer, X, y, epochs, batch_size):
    losses = []
    for _ in range(epochs):
        for idx in torch.randperm(len(X)).split(batch_size):
            prediction = model(X[idx])
            loss = criterion(prediction, y[idx].view(-1, 1))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.detach())
    return torch.stack(losses)


@loop(more={"loss": torch.nn.BCEWithLogitsLoss()})
def torch_two_classes(model, criterion, optimizer, X, y, epochs, batch_size):
    accuracies = []
    for _ in range(epochs):
        right = 0
        for idx in torch.randperm(len(X)).split(batch_size):
            output = model(X[idx])
            loss = criterion(output, y[idx])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            right += ((output > 0).float() == y[idx]).sum().item()
        accuracies.append(right / len(X))
    return accuracies


@right_loop
def torch_evaluates(model, X, y):
    was = model.training
    model.eval()
    with torch.inference_mode():
        predicted = model(X).argmax(dim=1)
    model.train(was)
    return (predicted == y).float().mean()


@right_loop
def torch_step(model, criterion, optimizer, inputs, labels):
    optimizer.zero_grad()
    outputs = model(inputs)
    loss = criterion(outputs, labels)
    loss.backward()
    optimizer.step()
    return loss.item(), (outputs.argmax(1) == labels).float().mean().item()


@right_loop
def ends_where_the_loss_does_not_fall(model, loss, optimizer, X, T, epochs, batch_size):
    before, history = float("inf"), []
    for _ in range(epochs):
        total = 0.0
        for rows in torch.randperm(len(X)).split(batch_size):
            total += loss(model(X[rows]), T[rows]).item()
            model.zero_grad()
            model.backward(loss.backward())
            optimizer.step()
        history.append(total / len(X))
        if before - history[-1] < 1.0:
            break
        before = history[-1]
    return history


@right_loop
def batches_of_equal_size(model, loss, optimizer, X, T, epochs, batch_size):
    for _ in range(epochs):
        for rows in torch.randperm(len(X)).chunk(len(X) // batch_size):
            loss(model(X[rows]), T[rows])
            model.zero_grad()
            model.backward(loss.backward())
            optimizer.step()


@right_loop
def torch_best_is_a_copy(model, criterion, optimizer, X, y, X_val, y_val, epochs, batch_size):
    lowest = float("inf")
    for _ in range(epochs):
        model.train()
        for idx in torch.randperm(len(X)).split(batch_size):
            optimizer.zero_grad()
            criterion(model(X[idx]), y[idx]).backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            value = criterion(model(X_val), y_val).item()
        if value < lowest:
            lowest, best = value, {name: tensor.clone() for name, tensor in model.state_dict().items()}
    model.load_state_dict(best)
    return model


@right_loop
def torch_each_batch_seen_with_two_noises(model, criterion, optimizer, X, y, epochs, batch_size):
    for _ in range(epochs):
        for idx in torch.randperm(len(X)).split(batch_size):
            optimizer.zero_grad()
            for _ in range(2):
                loss = criterion(model(X[idx]), y[idx]) / 2
                loss.backward()
            optimizer.step()


@right_loop
def torch_largest_of_each_class(model, X, y):
    model.eval()
    with torch.no_grad():
        scores = model(X)
    surest = scores.max(0).values.tolist()
    return surest, (scores.argmax(1) == y).float().mean().item()


@loop(more={"loss": torch.nn.MSELoss()})
def torch_squares_know_no_order(model, criterion, optimizer, X, y):
    optimizer.zero_grad()
    criterion(y, model(X)).backward()
    optimizer.step()


@right_loop
def stops_when_small_enough(model, loss, optimizer, X, T, epochs, batch_size):
    limit, history = 1e6, []
    for _ in range(epochs):
        total = 0.0
        for rows in torch.randperm(len(X)).split(batch_size):
            total += loss(model(X[rows]), T[rows]).item()
            model.zero_grad()
            model.backward(loss.backward())
            optimizer.step()
        history.append(total / len(X))
        if history[-1] < 100:
            break
    return history, limit


@right_loop
def momentum_by_hand(model, loss, X, T, epochs, batch_size, lr):
    speeds = [torch.zeros_like(param) for param, _ in model.parameters()]
    for _ in range(epochs):
        for rows in torch.randperm(len(X)).split(batch_size):
            value = loss(model(X[rows]), T[rows])
            model.zero_grad()
            model.backward(loss.backward())
            for speed, (param, grad) in zip(speeds, model.parameters(), strict=True):
                speed.mul_(0.9).add_(grad)
                param.sub_(lr * speed)
    return value.item()


@right_loop
def returns_losses_and_accuracies(model, loss, optimizer, X, T, epochs, batch_size):
    losses, accuracies = [], []
    for _ in range(epochs):
        order = torch.randperm(len(X))
        for x, t in zip(X[order].split(batch_size), T[order].split(batch_size), strict=True):
            loss(model(x), t)
            model.zero_grad()
            model.backward(loss.backward())
            optimizer.step()
        Y = model(X)
        losses.append(loss(Y, T).item() / len(X))
        accuracies.append((Y.argmax(1) == T.argmax(1)).double().mean().item())
    return losses, accuracies
