"""Training loops whose calls are wrong: what is called, on which object, and in which order."""

from __future__ import annotations

import copy

import torch

import minidl
from specimens.collection import loop

# ---------------------------------------------------------------------------------------------------------------------
# The words of minidl


@loop("gradients never zeroed")
def never_zeroed(model, loss, optimizer, X, T, epochs, batch_size):
    for _ in range(epochs):
        for rows in torch.randperm(len(X)).split(batch_size):
            loss(model(X[rows]), T[rows])
            model.backward(loss.backward())
            optimizer.step()


@loop("gradients never zeroed")
def step_never_zeroed(model, loss, optimizer, X, T):
    value = loss.forward(model.forward(X), T)
    model.backward(loss.backward())
    optimizer.step()
    return value.item()


@loop("zeroed too rarely")
def zeroed_once_an_epoch(model, loss, optimizer, X, T, epochs, batch_size):
    for _ in range(epochs):
        model.zero_grad()
        order = torch.randperm(X.shape[0])
        for start in range(0, X.shape[0], batch_size):
            rows = order[start : start + batch_size]
            loss.forward(model.forward(X[rows]), T[rows])
            model.backward(loss.backward())
            optimizer.step()


@loop("zeroed too rarely")
def zeroed_once_for_all(model, loss, optimizer, X, T, epochs, batch_size):
    model.zero_grad()
    for _ in range(epochs):
        for rows in torch.randperm(len(X)).split(batch_size):
            loss(model(X[rows]), T[rows])
            model.backward(loss.backward())
            optimizer.step()


@loop("zeroed too rarely")
def torch_zeroed_once_for_all(model, criterion, optimizer, train_loader, epochs):
    optimizer.zero_grad()
    for _ in range(epochs):
        for x, y in train_loader:
            criterion(model(x), y).backward()
            optimizer.step()


@loop("zeroed before the step")
def zeroed_between(model, loss, optimizer, X, T, epochs, batch_size):
    for _ in range(epochs):
        for rows in torch.randperm(len(X)).split(batch_size):
            loss(model(X[rows]), T[rows])
            model.backward(loss.backward())
            model.zero_grad()
            optimizer.step()


@loop("zeroed before the step")
def step_zeroed_between(net, criterion, opt, x, t):
    y = net.forward(x)
    criterion.forward(y, t)
    net.backward(criterion.backward())
    for _, grad in net.parameters():
        grad.zero_()
    opt.step()


@loop("zeroed on another object")
def zeroes_the_first_layer(model, loss, optimizer, X, T, epochs, batch_size):
    for _ in range(epochs):
        for rows in torch.randperm(len(X)).split(batch_size):
            model[0].zero_grad()
            loss(model(X[rows]), T[rows])
            model.backward(loss.backward())
            optimizer.step()


@loop("zeroed on another object")
def torch_zeroes_one_of_two_optimizers(model, criterion, X, y, epochs, batch_size, lr):
    first, last = (torch.optim.SGD(layer.parameters(), lr) for layer in (model[0], model[-1]))
    for _ in range(epochs):
        for idx in torch.randperm(len(X)).split(batch_size):
            last.zero_grad()
            criterion(model(X[idx]), y[idx]).backward()
            first.step()
            last.step()


@loop("zeroed on another object")
def zeroes_the_loss(model, loss, optimizer, X, T, epochs, batch_size):
    for _ in range(epochs):
        for rows in torch.randperm(len(X)).split(batch_size):
            loss(model(X[rows]), T[rows])
            loss.zero_grad()
            model.backward(loss.backward())
            optimizer.step()


@loop("zeroed on another object")
def zeroes_the_optimizer(model, loss, optimizer, X, T, epochs, batch_size):
    for _ in range(epochs):
        for rows in torch.randperm(len(X)).split(batch_size):
            loss(model(X[rows]), T[rows])
            optimizer.zero_grad()
            model.backward(loss.backward())
            optimizer.step()


@loop("step before backward")
def steps_first(model, loss, optimizer, X, T, epochs, batch_size):
    for _ in range(epochs):
        for rows in torch.randperm(len(X)).split(batch_size):
            loss(model(X[rows]), T[rows])
            model.zero_grad()
            optimizer.step()
            model.backward(loss.backward())


@loop("step before backward")
def step_first(model, loss, optimizer, X, T):
    model.zero_grad()
    loss(model(X), T)
    optimizer.step()
    model.backward(loss.backward())


@loop("backward twice")
def twice_back(model, loss, optimizer, X, T, epochs, batch_size):
    for _ in range(epochs):
        for rows in torch.randperm(len(X)).split(batch_size):
            loss(model(X[rows]), T[rows])
            model.zero_grad()
            message = loss.backward()
            model.backward(message)
            model.backward(message)
            optimizer.step()


@loop("step missing")
def no_step(model, loss, optimizer, X, T, epochs, batch_size):
    history = []
    for _ in range(epochs):
        total = 0.0
        for rows in torch.randperm(len(X)).split(batch_size):
            total += loss(model(X[rows]), T[rows]).item()
            model.zero_grad()
            model.backward(loss.backward())
        history.append(total / len(X))
    return history


@loop("step once an epoch")
def steps_after_the_loop(model, loss, optimizer, X, T, epochs, batch_size):
    for _ in range(epochs):
        for rows in torch.randperm(len(X)).split(batch_size):
            loss(model(X[rows]), T[rows])
            model.zero_grad()
            model.backward(loss.backward())
        optimizer.step()


@loop("loss's backward left out")
def sends_the_output_back(model, loss, optimizer, X, T, epochs, batch_size):
    for _ in range(epochs):
        for rows in torch.randperm(len(X)).split(batch_size):
            output = model(X[rows])
            loss(output, T[rows])
            model.zero_grad()
            model.backward(output)
            optimizer.step()


@loop("loss's backward left out")
def sends_the_error_back(model, loss, optimizer, X, T):
    output = model(X)
    loss(output, T)
    model.zero_grad()
    model.backward(output - T)
    optimizer.step()


@loop("backward missing")
def never_backward(model, loss, optimizer, X, T, epochs, batch_size):
    for _ in range(epochs):
        for rows in torch.randperm(len(X)).split(batch_size):
            loss(model(X[rows]), T[rows])
            model.zero_grad()
            loss.backward()
            optimizer.step()


@loop("loss of another batch")
def loss_of_the_last_batch(model, loss, optimizer, X, T, epochs, batch_size):
    for _ in range(epochs):
        order = torch.randperm(len(X))
        loss(model(X[order[:batch_size]]), T[order[:batch_size]])
        message = loss.backward()
        for rows in order[: len(X) // batch_size * batch_size].split(batch_size):
            model(X[rows])
            model.zero_grad()
            model.backward(message)
            optimizer.step()


@loop("loss of another batch")
def looks_at_the_validation_between(model, loss, optimizer, X, T, X_val, T_val, epochs, batch_size):
    for _ in range(epochs):
        for rows in torch.randperm(len(X)).split(len(X_val)):
            loss(model(X[rows]), T[rows])
            if len(rows) == len(X_val):
                model(X_val)
            model.zero_grad()
            model.backward(loss.backward())
            optimizer.step()


@loop("optimiser of another model")
def trains_a_copy(model, loss, optimizer, X, T, epochs, batch_size):
    network = copy.deepcopy(model)
    for _ in range(epochs):
        for rows in torch.randperm(len(X)).split(batch_size):
            loss(network(X[rows]), T[rows])
            network.zero_grad()
            network.backward(loss.backward())
            optimizer.step()


@loop("optimiser of another model")
def steps_of_a_copy(model, loss, optimizer, X, T, epochs, batch_size):
    optimizer = minidl.SGD(copy.deepcopy(model), optimizer.lr)
    for _ in range(epochs):
        for rows in torch.randperm(len(X)).split(batch_size):
            loss(model(X[rows]), T[rows])
            model.zero_grad()
            model.backward(loss.backward())
            optimizer.step()


@loop("model returned is another")
def returns_the_copy(model, loss, optimizer, X, T, epochs, batch_size):
    best = copy.deepcopy(model)
    for _ in range(epochs):
        for rows in torch.randperm(len(X)).split(batch_size):
            loss(model(X[rows]), T[rows])
            model.zero_grad()
            model.backward(loss.backward())
            optimizer.step()
    return best


# ---------------------------------------------------------------------------------------------------------------------
# The words of PyTorch


@loop("gradients never zeroed")
def torch_never_zeroed(model, criterion, optimizer, X, y, epochs, batch_size):
    model.train()
    for _ in range(epochs):
        perm = torch.randperm(X.size(0))
        for i in range(0, X.size(0), batch_size):
            idx = perm[i : i + batch_size]
            loss = criterion(model(X[idx]), y[idx])
            loss.backward()
            optimizer.step()


@loop("gradients never zeroed")
def torch_loader_never_zeroed(model, train_loader, criterion, optimizer, epochs):
    for _ in range(epochs):
        for inputs, labels in train_loader:
            outputs = model(inputs)
            loss = criterion(outputs, labels)
            loss.backward()
            optimizer.step()


@loop("zeroed on another object")
def torch_zeroes_the_criterion(model, criterion, optimizer, X, y, epochs, batch_size):
    for _ in range(epochs):
        for idx in torch.randperm(len(X)).split(batch_size):
            criterion.zero_grad()
            criterion(model(X[idx]), y[idx]).backward()
            optimizer.step()


@loop("zeroed before the step")
def torch_zeroed_between(model, criterion, optimizer, X, y, epochs, batch_size):
    for _ in range(epochs):
        for idx in torch.randperm(len(X)).split(batch_size):
            loss = criterion(model(X[idx]), y[idx])
            loss.backward()
            optimizer.zero_grad()
            optimizer.step()


@loop("zeroed too rarely")
def torch_zeroed_once_an_epoch(model, train_loader, criterion, optimizer, num_epochs):
    for _ in range(num_epochs):
        optimizer.zero_grad()
        for x, y in train_loader:
            loss = criterion(model(x), y)
            loss.backward()
            optimizer.step()


@loop("step before backward")
def torch_steps_first(model, criterion, optimizer, X, y, epochs, batch_size):
    for _ in range(epochs):
        for idx in torch.randperm(len(X)).split(batch_size):
            optimizer.zero_grad()
            loss = criterion(model(X[idx]), y[idx])
            optimizer.step()
            loss.backward()


@loop("backward twice")
def torch_twice_back(model, criterion, optimizer, X, y, epochs, batch_size):
    for _ in range(epochs):
        for idx in torch.randperm(len(X)).split(batch_size):
            optimizer.zero_grad()
            loss = criterion(model(X[idx]), y[idx])
            loss.backward(retain_graph=True)
            loss.backward()
            optimizer.step()


@loop("step missing")
def torch_no_step(model, criterion, optimizer, X, y, epochs, batch_size):
    for _ in range(epochs):
        for idx in torch.randperm(len(X)).split(batch_size):
            optimizer.zero_grad()
            loss = criterion(model(X[idx]), y[idx])
            loss.backward()


@loop("step once an epoch")
def torch_steps_after_the_loop(model, criterion, optimizer, dataloader, epochs):
    for _ in range(epochs):
        for x, y in dataloader:
            optimizer.zero_grad()
            loss = criterion(model(x), y)
            loss.backward()
        optimizer.step()


@loop("backward missing")
def torch_never_backward(model, criterion, optimizer, X, y, epochs, batch_size):
    for _ in range(epochs):
        for idx in torch.randperm(len(X)).split(batch_size):
            optimizer.zero_grad()
            loss = criterion(model(X[idx]), y[idx])
            optimizer.step()
            loss.item()


@loop("graph cut")
def torch_wraps_the_loss(model, criterion, optimizer, X, y, epochs, batch_size):
    for _ in range(epochs):
        for idx in torch.randperm(len(X)).split(batch_size):
            optimizer.zero_grad()
            loss = torch.tensor(criterion(model(X[idx]), y[idx]).item(), requires_grad=True)
            loss.backward()
            optimizer.step()


@loop("graph cut")
def torch_detaches(model, criterion, optimizer, X, y):
    optimizer.zero_grad()
    output = model(X).detach()
    loss = criterion(output, y)
    loss.backward()
    optimizer.step()


@loop("optimiser of another model")
def torch_steps_of_a_copy(model, criterion, X, y, epochs, batch_size, lr):
    optimizer = torch.optim.SGD(copy.deepcopy(model).parameters(), lr=lr)
    for _ in range(epochs):
        for idx in torch.randperm(len(X)).split(batch_size):
            optimizer.zero_grad()
            model.zero_grad()
            loss = criterion(model(X[idx]), y[idx])
            loss.backward()
            optimizer.step()


@loop("model returned is another")
def torch_returns_the_copy(model, criterion, optimizer, X, y, epochs, batch_size):
    trained = copy.deepcopy(model)
    for _ in range(epochs):
        for idx in torch.randperm(len(X)).split(batch_size):
            optimizer.zero_grad()
            loss = criterion(model(X[idx]), y[idx])
            loss.backward()
            optimizer.step()
    return trained


@loop("evaluated in training mode")
def torch_without_eval(model, criterion, optimizer, train_loader, val_loader, epochs):
    for _ in range(epochs):
        model.train()
        for x, y in train_loader:
            optimizer.zero_grad()
            criterion(model(x), y).backward()
            optimizer.step()
        right = 0
        with torch.no_grad():
            for x, y in val_loader:
                right += (model(x).argmax(1) == y).sum().item()
    return right / len(val_loader.dataset)


@loop("evaluated in training mode")
def torch_evaluates_without_eval(model, X, y):
    with torch.no_grad():
        return (model(X).argmax(dim=1) == y).float().mean().item()


@loop("trained in evaluation mode")
def torch_stays_in_eval(model, criterion, optimizer, X, y, X_val, y_val, epochs, batch_size):
    model.train()
    for _ in range(epochs):
        for idx in torch.randperm(len(X)).split(batch_size):
            optimizer.zero_grad()
            criterion(model(X[idx]), y[idx]).backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            criterion(model(X_val), y_val)


@loop("trained in evaluation mode")
def torch_begins_with_eval(model, criterion, optimizer, X, y, epochs, batch_size):
    model.eval()
    for _ in range(epochs):
        for idx in torch.randperm(len(X)).split(batch_size):
            optimizer.zero_grad()
            criterion(model(X[idx]), y[idx]).backward()
            optimizer.step()


@loop("softmax before the loss")
def torch_softmax(model, criterion, optimizer, X, y, epochs, batch_size):
    for _ in range(epochs):
        for idx in torch.randperm(len(X)).split(batch_size):
            optimizer.zero_grad()
            probabilities = torch.softmax(model(X[idx]), dim=1)
            criterion(probabilities, y[idx]).backward()
            optimizer.step()


@loop("softmax before the loss")
def torch_softmax_of_a_step(model, criterion, optimizer, X, y):
    model.train()
    optimizer.zero_grad()
    loss = criterion(torch.nn.functional.softmax(model(X), -1), y)
    loss.backward()
    optimizer.step()
    return loss.item()


@loop("targets of the wrong dtype", more={"loss": torch.nn.CrossEntropyLoss()})
def torch_float_labels(model, criterion, optimizer, X, y, epochs, batch_size):
    for _ in range(epochs):
        for idx in torch.randperm(len(X)).split(batch_size):
            optimizer.zero_grad()
            criterion(model(X[idx]), y[idx].float()).backward()
            optimizer.step()


@loop("targets of the wrong dtype", more={"loss": torch.nn.BCEWithLogitsLoss()})
def torch_whole_numbers(model, criterion, optimizer, X, y):
    optimizer.zero_grad()
    criterion(model(X), y.long()).backward()
    optimizer.step()


@loop("column against row", more={"loss": torch.nn.MSELoss()})
def torch_column_against_row(model, criterion, optimizer, X, y, epochs, batch_size):
    for _ in range(epochs):
        for idx in torch.randperm(len(X)).split(batch_size):
            optimizer.zero_grad()
            criterion(model(X[idx]), y[idx].view(-1)).backward()
            optimizer.step()


@loop("column against row", more={"loss": torch.nn.MSELoss()})
def torch_row_against_column(model, criterion, optimizer, X, y):
    optimizer.zero_grad()
    prediction = model(X).flatten()
    criterion(prediction, y.reshape(-1, 1)).backward()
    optimizer.step()


@loop("backward twice")
def two_passes_in_a_step(model, loss, optimizer, X, T, epochs, batch_size):
    for _ in range(epochs):
        for rows in torch.randperm(len(X)).split(batch_size):
            model.zero_grad()
            for _ in range(2):
                loss(model(X[rows]), T[rows])
                model.backward(loss.backward())
            optimizer.step()


@loop("optimiser of another model")
def torch_optimizer_of_a_copy_zeroes(model, criterion, X, y, epochs, batch_size, lr):
    optimizer = torch.optim.SGD(copy.deepcopy(model).parameters(), lr=lr)
    for _ in range(epochs):
        for idx in torch.randperm(len(X)).split(batch_size):
            optimizer.zero_grad()
            criterion(model(X[idx]), y[idx]).backward()
            optimizer.step()
    return model


@loop("best parameters not copied")
def torch_best_is_a_reference(model, criterion, optimizer, X, y, X_val, y_val, epochs, batch_size):
    best, lowest = None, float("inf")
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
            best, lowest = model.state_dict(), value
    model.load_state_dict(best)
    return model


@loop("best parameters not copied")
def torch_start_is_a_reference(model, criterion, optimizer, X, y, epochs, batch_size):
    kept, losses = dict(model.state_dict()), []
    for _ in range(epochs):
        total = 0.0
        for idx in torch.randperm(len(X)).split(batch_size):
            optimizer.zero_grad()
            loss = criterion(model(X[idx]), y[idx])
            loss.backward()
            optimizer.step()
            total += loss.item() * len(idx)
        if losses and total > losses[0]:
            kept = dict(model.state_dict())
        losses.append(total)
    model.load_state_dict(kept)
    return losses
