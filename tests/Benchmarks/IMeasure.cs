namespace IsolatedAgents.Benchmarks;

/// <summary>One way of doing a job, with the time that counts. Throws where the result is wrong: a wrong answer has no speed.</summary>
internal delegate Task<TimeSpan> Attempt(CancellationToken cancellationToken);

/// <summary>Another program that does the same job.</summary>
/// <param name="Name">What it is, for the table.</param>
/// <param name="Goal">Ours over theirs: not more than this.</param>
/// <param name="Run">Does the job.</param>
internal sealed record Peer(string Name, double Goal, Attempt Run);

/// <summary>One job, done by this product and by others.</summary>
internal interface IMeasure : IAsyncDisposable
{
    /// <summary>What it is called on the command line.</summary>
    string Name { get; }

    /// <summary>Who else does the job.</summary>
    IReadOnlyList<Peer> Peers { get; }

    /// <summary>Sets up what is not measured. The reason where this machine cannot measure it; else null.</summary>
    Task<string?> PrepareAsync(CancellationToken cancellationToken);

    /// <summary>Does the job with this product.</summary>
    Task<TimeSpan> RunOursAsync(CancellationToken cancellationToken);

    /// <summary>What is known beside the time, once all has run: one line an entry.</summary>
    IEnumerable<string> Notes();
}
