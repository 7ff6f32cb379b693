namespace IsolatedAgents.Fuzzing;

/// <summary>Something that takes bytes from outside. It throws where what must hold of any input does not.</summary>
/// <param name="Name">Of its folder in the corpus, and on the command line.</param>
/// <param name="Run">Takes one input.</param>
internal sealed record FuzzTarget(string Name, Action<byte[]> Run)
{
    /// <summary>All of them.</summary>
    public static IReadOnlyList<FuzzTarget> All { get; } =
    [
        new("host-frames", input => FrameTargets.Run(input, FrameTargets.ReadAsHost)),
        new("supervisor-frames", input => FrameTargets.Run(input, FrameTargets.ReadAsSupervisor)),
        new("policy", TextTargets.Policy),
        new("events", TextTargets.Events),
        new("records", RecordTarget.Run),
        new("audit", AuditTarget.Run),
        new("client-hello", EgressTargets.ClientHelloBytes),
        new("http", EgressTargets.Http),
        new("answers", AnswerTarget.Run),
        new("model-routes", ModelTargets.Routes),
        new("model-usage", ModelTargets.Usage),
    ];

    public static FuzzTarget? Find(string name) => All.FirstOrDefault(target => target.Name == name);

    /// <summary>Fails the input.</summary>
    public static void Require(bool holds, string what)
    {
        if (!holds)
        {
            throw new InvalidOperationException(what);
        }
    }
}
