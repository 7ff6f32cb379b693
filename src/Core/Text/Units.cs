using System.Globalization;

namespace IsolatedAgents.Text;

/// <summary>How people read sizes, times and shares. The one place that formats them.</summary>
internal static class Units
{
    private const double Step = 1024;
    private const long Megabyte = 1024 * 1024;

    private static readonly string[] Sizes = ["B", "KB", "MB", "GB", "TB", "PB"];

    /// <summary><c>0 B</c>, <c>2.4 KB</c>, <c>10.0 MB</c>.</summary>
    public static string Bytes(long value) => BytesIn(value, UnitOf(value));

    /// <summary>In the unit that suits another size: half a megabyte of ten is <c>0.5 MB</c>.</summary>
    public static string BytesLike(long value, long other) => BytesIn(value, UnitOf(other));

    /// <summary><c>4.2 MB / 10.0 MB (42%)</c>; without a limit only what is used.</summary>
    public static string BytesOf(long used, long limit) =>
        limit <= 0 ? Bytes(used) : $"{BytesLike(used, limit)} / {Bytes(limit)} ({Share(used, limit)}%)";

    /// <summary><c>1024 MB</c>: memory limits are set in MB, so that amounts stay in it.</summary>
    public static string Memory(long value) => string.Create(CultureInfo.InvariantCulture, $"{Math.Round((double)value / Megabyte):0} MB");

    /// <summary><c>156 MB / 1024 MB (15%)</c>.</summary>
    public static string MemoryOf(long used, long limit) =>
        limit <= 0 ? Memory(used) : $"{Memory(used)} / {Memory(limit)} ({Share(used, limit)}%)";

    /// <summary><c>45.8%</c>.</summary>
    public static string Percent(double value) => string.Create(CultureInfo.InvariantCulture, $"{value:0.0}%");

    /// <summary><c>2.0 cores</c>.</summary>
    public static string Quantity(double value, string unit) => string.Create(CultureInfo.InvariantCulture, $"{value:0.0##} {unit}");

    /// <summary><c>270 seconds</c>, however many.</summary>
    public static string Seconds(TimeSpan value) => Count((long)Math.Round(value.TotalSeconds), "second");

    /// <summary><c>23 seconds</c>, <c>1 second</c>, <c>8 minutes 20 seconds</c>, <c>0.4 seconds</c>.</summary>
    public static string Duration(TimeSpan value)
    {
        if (value.TotalSeconds is >= 0.05 and < 0.95)
        {
            return string.Create(CultureInfo.InvariantCulture, $"{value.TotalSeconds:0.0} seconds");
        }

        long seconds = (long)Math.Round(value.TotalSeconds);
        List<string> parts = [];
        if (seconds >= 3600)
        {
            parts.Add(Count(seconds / 3600, "hour"));
        }

        if (seconds / 60 % 60 != 0)
        {
            parts.Add(Count(seconds / 60 % 60, "minute"));
        }

        if (seconds % 60 != 0 || parts.Count == 0)
        {
            parts.Add(Count(seconds % 60, "second"));
        }

        return string.Join(' ', parts);
    }

    /// <summary><c>1 file</c>, <c>2 files</c>.</summary>
    public static string Count(long value, string noun) =>
        string.Create(CultureInfo.InvariantCulture, $"{value} {noun}{(value == 1 ? "" : "s")}");

    private static long Share(long used, long limit) => (long)Math.Round(100.0 * used / limit);

    private static int UnitOf(long value)
    {
        int unit = 0;
        double scaled = Math.Abs((double)value);

        // What would be printed as 1024.0 belongs to the next unit.
        while (unit < Sizes.Length - 1 && Math.Round(scaled, 1) >= Step)
        {
            scaled /= Step;
            unit++;
        }

        return unit;
    }

    private static string BytesIn(long value, int unit) =>
        unit == 0
            ? string.Create(CultureInfo.InvariantCulture, $"{value} B")
            : string.Create(CultureInfo.InvariantCulture, $"{value / Math.Pow(Step, unit):0.0} {Sizes[unit]}");
}
