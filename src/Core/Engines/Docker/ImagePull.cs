using Docker.DotNet;
using Docker.DotNet.Models;
using IsolatedAgents.Diagnostics;

namespace IsolatedAgents.Engines.Docker;

/// <summary>
/// Has the engine pull an image: again where the registry was unwell, not at all where it refuses, and never longer than something still
/// comes.
/// </summary>
internal sealed class ImagePull(DockerClient client, string reference, IProgress<string> progress)
{
    private const int MaxAttempts = 3;
    private static readonly TimeSpan StallDeadline = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan LeastPause = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan MostPause = TimeSpan.FromSeconds(4);

    // The engine passes a registry's answer on as text, and gives most of them the status of its own faults.
    private static readonly (string Said, string Advice)[] Refusals =
    [
        ("unauthorized", "The registry asks for credentials: log the engine in to it, or pull the image beforehand."),
        ("authentication required", "The registry asks for credentials: log the engine in to it, or pull the image beforehand."),
        ("denied", "The registry does not give it to this user: log the engine in to it, or pull the image beforehand."),
        ("no matching manifest", "It is not made for this machine's processor: name one that is in base_image."),
        ("manifest unknown", NotThere),
        ("not found", NotThere),
        ("digest", "What the registry sent is not what it announced: do not use it, and tell who runs the registry."),
    ];

    private const string NotThere = "The registry has no such image: build or pull it first, or name another one in base_image.";

    /// <exception cref="EngineException">IA2002: it cannot be had.</exception>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        for (int attempt = 1; ; attempt++)
        {
            try
            {
                await PullAsync(cancellationToken).ConfigureAwait(false);
                return;
            }
            catch (Exception failure) when (DockerEngine.IsEngineTrouble(failure))
            {
                string cause = DockerEngine.Innermost(failure);
                string? refusal = Refusals.FirstOrDefault(known => cause.Contains(known.Said, StringComparison.OrdinalIgnoreCase)).Advice;
                if (refusal is not null || failure is TimeoutException || attempt == MaxAttempts)
                {
                    string tries = attempt == 1 ? "" : $" It was tried {attempt} times.";
                    throw new EngineException(
                        DiagnosticTable.Image,
                        $"The image '{reference}' is not on the engine and cannot be pulled: {cause}{tries} {refusal ?? "Build or pull it first, or name another one in base_image."}",
                        failure
                    );
                }

                progress.Report($"Pulling again after: {cause}");
            }

#pragma warning disable CA5394 // So that a hundred builds do not come back at once; nothing secret hangs on it.
            await Task.Delay(LeastPause + ((MostPause - LeastPause) * Random.Shared.NextDouble()), cancellationToken).ConfigureAwait(false);
#pragma warning restore CA5394
        }
    }

    private async Task PullAsync(CancellationToken cancellationToken)
    {
        using CancellationTokenSource stalled = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        stalled.CancelAfter(StallDeadline);
        PullProgress pulling = new(progress, () => stalled.CancelAfter(StallDeadline));
        try
        {
            await client
                .Images.CreateImageAsync(new ImagesCreateParameters { FromImage = reference }, authConfig: null, pulling, stalled.Token)
                .WaitAsync(stalled.Token)
                .ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new TimeoutException($"nothing came from its registry for {StallDeadline.TotalSeconds} seconds");
        }

        if (pulling.Failure is { } failure)
        {
            throw new IOException(failure);
        }
    }
}
