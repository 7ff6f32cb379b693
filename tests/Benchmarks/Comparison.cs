using System.Globalization;

namespace IsolatedAgents.Benchmarks;

/// <summary>One row of the table.</summary>
internal sealed record Comparison(string Measure, Peer Peer, IReadOnlyList<double> Ours, IReadOnlyList<double> Theirs)
{
    private readonly RatioEstimate _ratio = Statistics.Ratio([.. Ours.Zip(Theirs, (ours, theirs) => ours / theirs)]);

    /// <summary>Only an interval that lies wholly past the goal is a miss: one across it says nothing yet.</summary>
    public bool IsMissed => _ratio.Low > Peer.Goal;

    public static string Header { get; } = Columns("measure", "peer", "ours", "peer's", "ratio", "95 % interval", "goal", "");

    public override string ToString() =>
        Columns(
            Measure,
            Peer.Name,
            Milliseconds(Ours),
            Milliseconds(Theirs),
            Number(_ratio.Median),
            $"{Number(_ratio.Low)}..{Number(_ratio.High)}",
            $"<= {Number(Peer.Goal)}",
            IsMissed ? "missed"
                : _ratio.High <= Peer.Goal ? "met"
                : "open"
        );

    /// <summary>Pairs in random order, one pair after the other, so that whatever the machine does meanwhile meets both.</summary>
    public static async Task<IReadOnlyList<Comparison>> RunAsync(IMeasure measure, int pairs, CancellationToken cancellationToken)
    {
        Attempt[] attempts = [measure.RunOursAsync, .. measure.Peers.Select(peer => peer.Run)];
        List<double>[] times = [.. attempts.Select(_ => new List<double>())];
        int[] order = [.. Enumerable.Range(0, attempts.Length)];
        const int WarmUp = 1;
        for (int pair = 0; pair < pairs + WarmUp; pair++)
        {
            Random.Shared.Shuffle(order);
            foreach (int index in order)
            {
                TimeSpan time = await attempts[index](cancellationToken);
                if (pair >= WarmUp)
                {
                    times[index].Add(time.TotalMilliseconds);
                }
            }
        }

        return [.. measure.Peers.Select((peer, index) => new Comparison(measure.Name, peer, times[0], times[index + 1]))];
    }

    private static string Columns(
        string measure,
        string peer,
        string ours,
        string theirs,
        string ratio,
        string interval,
        string goal,
        string outcome
    ) => $"{measure, -18}{peer, -26}{ours, 10}{theirs, 11}{ratio, 8}  {interval, -14}{goal, -9}{outcome}".TrimEnd();

    private static string Milliseconds(IReadOnlyList<double> times) =>
        Statistics.Median(times).ToString("0.0 ms", CultureInfo.InvariantCulture);

    private static string Number(double value) => value.ToString("0.00", CultureInfo.InvariantCulture);
}
