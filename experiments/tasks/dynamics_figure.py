"""The figure of a dynamics run: roll-outs, their error over time, and the latent."""

from collections.abc import Mapping

from matplotlib.figure import Figure

from experiments.tasks.dynamics_measures import Motion

__all__ = ["draw_motion"]

COLOURS = ("tab:blue", "tab:orange")


def draw_motion(
    motions: Mapping[str, Motion], horizon: int, parameter: str, shown: int = 6
) -> Figure:
    """Distance over time, error over time, and latent against the parameter.

    Arguments:
        motions: Name of a method to its motion on the same test pairs, at most two.
        horizon: Number of steps trained on, marked in the panels over time.
        parameter: What the unseen parameter is called.
        shown: How many motions are drawn.
    """
    figure = Figure(figsize=(13, 4), layout="constrained")
    paths, errors, latents = figure.subplots(1, 3)
    truth = next(iter(motions.values())).truth.cpu()
    time = range(1, truth.shape[1] + 1)
    for row in range(min(shown, len(truth))):
        paths.plot(time, truth[row, :, 0], "k-", lw=1, label="truth" if row == 0 else None)
    for colour, (name, motion) in zip(COLOURS, motions.items(), strict=False):
        predicted = motion.predicted.cpu()
        for row in range(min(shown, len(predicted))):
            label = name if row == 0 else None
            paths.plot(time, predicted[row, :, 0], "--", lw=1.5, color=colour, label=label)
        difference = (predicted - truth).abs().mean((0, 2)).clamp(min=1e-12)
        errors.semilogy(time, difference, color=colour, label=name)
        found = motion.latents.cpu()
        latents.plot(motion.parameter.cpu(), found, ".", color=colour, label=name)
    scale = float(truth[..., 0].abs().max())
    paths.set(
        xlabel="step", ylabel="distance", title="roll-outs", ylim=(-1.1 * scale, 1.1 * scale)
    )
    errors.set(xlabel="step", ylabel="mean absolute error", title="error of distance and velocity")
    latents.set(
        xlabel=f"true {parameter.replace('_', ' ')}",
        ylabel="latent z",
        title="what the encoder found",
    )
    for axes in (paths, errors):
        axes.axvspan(0, horizon, color="0.85", label="trained on")
    for axes in (paths, errors, latents):
        axes.legend(fontsize="small")
    return figure
