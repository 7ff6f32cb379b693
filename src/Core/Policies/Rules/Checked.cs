namespace IsolatedAgents.Policies.Rules;

/// <summary>A value that a rule accepted, in its normal form, or the reason why the rule refused it.</summary>
/// <typeparam name="T">What an accepted value is.</typeparam>
internal readonly record struct Checked<T>
{
    /// <summary>The normal form; default where refused.</summary>
    public T? Value { get; private init; }

    /// <summary>Why it is refused and what to write instead, to stand after a colon; null where accepted.</summary>
    public string? Problem { get; private init; }

    public static implicit operator Checked<T>(T value) => new() { Value = value };

    public static Checked<T> Refused(string problem) => new() { Problem = problem };
}
