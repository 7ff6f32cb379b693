using SharpFuzz;

namespace IsolatedAgents.Fuzzing;

/// <summary>
/// What the fuzzer runs: one target, named by the only argument, on what comes from standard input, again and again in one process.
/// </summary>
internal static class Program
{
    private static int Main(string[] arguments)
    {
        if (arguments is not [{ } name] || FuzzTarget.Find(name) is not { } target)
        {
            Console.Error.WriteLine($"Name one of: {string.Join(' ', FuzzTarget.All.Select(known => known.Name))}");
            return 2;
        }

        Fuzzer.Run(stream =>
        {
            using MemoryStream input = new();
            stream.CopyTo(input);
            target.Run(input.ToArray());
        });
        return 0;
    }
}
